package main

import (
	"cmp"
	"context"
	"os"

	"github.com/hogflags/hogflags/posthogapi"
)

// project is a live project, as an alternative to a file.
type project struct {
	ProjectToken string `env:"POSTHOG_PROJECT_API_KEY" placeholder:"phc_…" help:"Ask PostHog: the project's public token."`
	SecretKey    string `env:"POSTHOG_SECRET_KEY" placeholder:"phs_…" help:"Its secret key, or a personal API key. Better in the environment: arguments are visible to others. POSTHOG_PERSONAL_API_KEY is taken, too"`
	Host         string `env:"POSTHOG_HOST" placeholder:"URL" help:"Where to ask. Default: https://us.i.posthog.com."`
}

// fetch asks PostHog once.
func (p *project) fetch(ctx context.Context) ([]byte, error) {
	client, err := p.client()
	if err != nil {
		return nil, err
	}
	answer, err := client.Definitions(ctx, "")
	if err != nil {
		return nil, &stop{code: exitUpstream, err: err}
	}
	return answer.Body, nil
}

// client asks PostHog. It sends nothing yet.
func (p *project) client() (*posthogapi.Client, error) {
	const try = "--project-token phc_… --secret-key phs_…"
	key := cmp.Or(p.SecretKey, os.Getenv("POSTHOG_PERSONAL_API_KEY"))
	if key == "" {
		return nil, badInput(try, "no secret key for the project: set POSTHOG_SECRET_KEY or --secret-key")
	}
	client, err := posthogapi.New(posthogapi.Config{Host: p.Host, ProjectToken: p.ProjectToken, SecretKey: key})
	if err != nil {
		return nil, badInput(try, "%w", err)
	}
	return client, nil
}

// name is what messages call the project's definitions.
func (p *project) name() string { return "definitions of " + cmp.Or(p.Host, posthogapi.DefaultHost) }
