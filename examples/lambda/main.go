// Command lambda is an AWS Lambda function that evaluates flags from a store, and
// never asks PostHog. It starts from the document that is built into it, so that
// not even the store has to answer.
//
//	HOGFLAGS_CACHE           the store, such as rediss://:PASSWORD@cache:6379
//	POSTHOG_PROJECT_API_KEY  the project's public token
//
// One process outside fills the store: hogflags serve, or hogflags sync --every 30s.
package main

import (
	"context"
	_ "embed"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/rediscache"
)

// definitions are those of the last deploy: curl of /flags/definitions, in CI.
//
//go:embed definitions.json
var definitions []byte

// limit is how old definitions may be without a look at the store.
const limit = time.Minute

type event struct {
	UserID string `json:"user_id"`
	Plan   string `json:"plan"`
}

type reply struct {
	NewCheckout bool   `json:"new_checkout"`
	Source      string `json:"source"`
}

func main() {
	client, err := newClient(context.Background(), os.Getenv("HOGFLAGS_CACHE"), os.Getenv("POSTHOG_PROJECT_API_KEY"), definitions)
	if err != nil {
		slog.Error("start", "error", err)
		os.Exit(1)
	}
	lambda.Start(handler(client))
}

// newClient makes a client that only reads. It does not wait for the store.
func newClient(ctx context.Context, cache, token string, bundled []byte) (*hogflags.Client, error) {
	store, err := rediscache.Open(cache, flagcache.Scope{Project: token, Host: "https://us.i.posthog.com"})
	if err != nil {
		return nil, err
	}
	fleet, err := flagcache.New(store, flagcache.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	return hogflags.New(ctx, hogflags.Config{
		ProjectToken:        token,
		Cache:               fleet,
		Bootstrap:           bundled,
		OnlyEvaluateLocally: true, // an undecided flag does not ask PostHog either
		Logger:              slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
}

func handler(client *hogflags.Client) func(context.Context, event) (reply, error) {
	return func(ctx context.Context, e event) (reply, error) {
		// The process may have been frozen for hours, or have started just now.
		fresh, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		if err := client.Freshen(fresh, limit); err != nil {
			slog.Warn("flags may be old", "error", err)
		}
		on, err := client.IsFeatureEnabled(ctx, "new-checkout", hogflags.Subject{
			DistinctID:       e.UserID,
			PersonProperties: map[string]any{"plan": e.Plan},
		})
		if err != nil {
			slog.Warn("new-checkout is off", "error", err)
		}
		return reply{NewCheckout: on, Source: client.Status().Source.String()}, nil
	}
}
