// Package posthogtransport lets an application that uses posthog-go evaluate the
// flag definitions of a hogflags client: those of its fleet, fetched once for
// all processes, and still there when PostHog is not.
//
// The application stays as it is. One line, before posthog.NewWithConfig, puts
// an [http.RoundTripper] below posthog-go that answers its requests for
// definitions from memory. [Configure] does only that; [ConfigureEvaluation]
// also has hogflags evaluate. Every other request, events above all, goes where
// it went before, untouched.
//
// It works with posthog-go from version 1.10.0 on.
package posthogtransport

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags"
)

// pollInterval is how often posthog-go looks for new definitions. They are in
// the same process, so that looking costs a comparison.
const pollInterval = time.Second

// Configure has the posthog-go client that is made from config take its flag
// definitions from client, which must be of the same project and have
// [hogflags.Config.KeepDefinitions]. It sets config.Transport, on top of the one
// that is there, and config.NextFeatureFlagsPollingTick: definitions are looked
// for every second, instead of every 5 minutes. posthog-go evaluates them as
// before.
//
// posthog-go asks for definitions only if config has a secret or personal key;
// the key goes nowhere and need not be a valid one. ReloadFeatureFlags reloads
// client. While client has no definitions yet, posthog-go's first request waits
// for them within its FeatureFlagRequestTimeout. Closing client leaves its last
// definitions in use; closing the posthog-go client does not close client.
func Configure(config *posthog.Config, client *hogflags.Client) error {
	return configure(config, client, false)
}

// ConfigureEvaluation is [Configure], and has hogflags evaluate instead of
// posthog-go, so that an application gets PostHog's answers where posthog-go's
// differ, with reasons, flag ids and versions. posthog-go is made to leave every
// flag to PostHog, and what it then asks by POST /flags is answered here, if it
// can be decided here; else the request goes on to PostHog as it is.
//
// A request that names flags (EvaluateFlags with FlagKeys) goes on if one of
// those cannot be decided. One that names none (GetFeatureFlag, GetAllFlags)
// goes on if any flag of the project cannot be decided for that subject, because
// it does not say which flag it is for. It takes the definitions for the whole
// project: flags that PostHog leaves out of them, with encrypted payloads or of
// surveys, are off for such a call.
//
// Calls with OnlyEvaluateLocally fail, as they would for flags that posthog-go
// cannot evaluate.
func ConfigureEvaluation(config *posthog.Config, client *hogflags.Client) error {
	return configure(config, client, true)
}

func configure(config *posthog.Config, client *hogflags.Client, evaluate bool) error {
	if client == nil {
		return errors.New("configure posthog-go: there is no client")
	}
	if _, err := client.Definitions(); errors.Is(err, hogflags.ErrDefinitionsNotKept) {
		return fmt.Errorf("configure posthog-go: %w", err)
	}
	t := &transport{client: client, base: config.Transport, evaluate: evaluate}
	if t.base == nil {
		t.base = defaultTransport()
	}
	config.Transport = t
	config.NextFeatureFlagsPollingTick = t.polls.next
	if evaluate {
		if config.Logger == nil {
			config.Logger = posthog.StdLogger(log.New(os.Stderr, "posthog ", log.LstdFlags), config.Verbose) // its default
		}
		config.Logger = quietLogger{config.Logger}
	}
	return nil
}

// defaultTransport is what posthog-go makes for a config without one.
func defaultTransport() http.RoundTripper {
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t := standard.Clone()
	t.MaxIdleConns = posthog.DefaultIdleConns
	t.MaxIdleConnsPerHost = posthog.DefaultIdleConnsPerHost
	return t
}
