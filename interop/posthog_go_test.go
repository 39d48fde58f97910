//go:build posthog_go_1_23

package interop

import (
	"errors"
	"io"
	"log"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func posthogGo(t *testing.T, host, key string) posthog.Client {
	t.Helper()
	c, err := posthog.NewWithConfig(posthogtest.ProjectToken, posthog.Config{
		Endpoint: host, SecretKey: key, BatchSize: 1, Logger: posthog.StdLogger(log.New(io.Discard, "", 0), false),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The column of posthog-go needs nothing but its module.
func TestTableOfPostHogGo(t *testing.T) {
	rows := comparisons(t)
	server := posthogtest.New(t)
	server.SetDefinitions(document(t, rows))
	c := posthogGo(t, server.URL, posthogtest.SecretKey)
	defer func() { _ = c.Close() }()
	for _, row := range rows {
		value, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{
			Key: row.key, DistinctId: "ada", PersonProperties: row.Properties, OnlyEvaluateLocally: true,
		})
		got := cell(value)
		_, inconclusive := errors.AsType[*posthog.InconclusiveMatchError](err)
		_, server := errors.AsType[*posthog.RequiresServerEvaluationError](err)
		if err != nil && !inconclusive && !server {
			got = "error"
		}
		if want := row.cells["posthog-go 1.23.1"]; got != want {
			t.Errorf("%s: it says %s (%v), the README %s", row.Row, got, err, want)
		}
	}
}

// With another host and key posthog-go works as before, with a secret key and
// without.
func TestPostHogGo(t *testing.T) {
	type outcome struct {
		Flags   map[string]any
		Payload string
	}
	ask := func(host, key string) outcome {
		c := posthogGo(t, host, key)
		flags, err := c.GetAllFlags(posthog.FeatureFlagPayloadNoKey{
			DistinctId: "ada", PersonProperties: posthog.Properties{"plan": "pro", "country": "DE", "email": "ada@bakery.example"},
		})
		if err != nil {
			t.Errorf("%s: %v", host, err)
		}
		payload, err := c.GetFeatureFlagPayload(posthog.FeatureFlagPayload{Key: "upload-limits", DistinctId: "ada"})
		if err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if err := c.Enqueue(posthog.Capture{DistinctId: "ada", Event: "bread bought"}); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		return outcome{flags, payload}
	}
	for name, key := range map[string][2]string{
		"local":  {posthogtest.SecretKey, relayKey},
		"remote": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := project(t)
			direct := ask(server.URL, key[0])
			if len(direct.Flags) < 15 || !strings.Contains(direct.Payload, "max_mb") {
				t.Fatalf("directly: %+v", direct)
			}
			since := len(server.Requests())
			relay := serve(t, server.URL)
			if diff := cmp.Diff(ask(relay, key[1]), direct); diff != "" {
				t.Errorf("(-through the relay +directly):\n%s", diff)
			}
			if got := count(server, since, definitionsPath); got != 1 {
				t.Errorf("PostHog got %d requests for definitions, want the relay's one", got)
			}
			events := 0
			for _, r := range server.Requests()[since:] {
				if strings.Contains(unzipped(t, r), "bread bought") && r.Status == 200 {
					events++
				}
			}
			if events != 1 {
				t.Errorf("PostHog got %d requests with the event, want 1", events)
			}
		})
	}
}
