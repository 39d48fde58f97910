package hogflags_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// A developer tries a flag, with a payload that PostHog does not have yet.
func ExampleOverride() {
	posthog, err := posthogtest.Start(posthogtest.Config{Definitions: []byte(definitions)})
	if err != nil {
		log.Fatal(err)
	}
	defer posthog.Close()

	ctx := context.Background()
	client, err := hogflags.New(ctx, hogflags.Config{
		Host:         posthog.URL,
		ProjectToken: posthogtest.ProjectToken,
		SecretKey:    posthogtest.SecretKey,
		Logger:       slog.New(slog.DiscardHandler), // it would take a warning
		Overrides: map[string]any{
			"on":       false,
			"checkout": hogflags.Override{Value: "slow", Payload: json.RawMessage(`{"steps": 3}`)},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ada := hogflags.Subject{DistinctID: "ada"}
	fmt.Println(client.GetFeatureFlag(ctx, "on", ada))
	fmt.Println(client.GetFeatureFlag(ctx, "checkout", ada))
	payload, err := client.GetFeatureFlagPayload(ctx, "checkout", ada)
	fmt.Println(string(payload), err)
	// Output:
	// false <nil>
	// slow <nil>
	// {"steps": 3} <nil>
}
