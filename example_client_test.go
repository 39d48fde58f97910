package hogflags_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// One request at most, for the flags that the definitions leave open; then a value
// for each read, also if PostHog did not answer.
func ExampleClient_EvaluateFlags() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	flags, err := client.EvaluateFlags(ctx, hogflags.Subject{
		DistinctID:       "user-1",
		PersonProperties: map[string]any{"plan": "pro"},
	}, hogflags.FlagKeys("beta", "checkout", "on"))
	if err != nil {
		log.Print(err) // what was decided locally is there all the same
	}
	fmt.Println(flags.IsEnabled("beta", true)) // on, also if it cannot be decided
	fmt.Println(flags.Value("checkout"), flags.Reason("checkout"))
	fmt.Println(flags.Keys())
	fmt.Println(flags.OnlyAccessed().EventProperties())
	// Output:
	// true
	// fast condition_match
	// [beta checkout on]
	// map[$active_feature_flags:[beta checkout] $feature/beta:true $feature/checkout:fast]
}

func ExampleClient_GetFeatureFlagResult() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	flag, err := client.GetFeatureFlagResult(ctx, "checkout", hogflags.Subject{DistinctID: "user-1"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(flag.Enabled(), flag.Variant(), flag.Description(), flag.DecidedLocally())
	// Output: true fast Matched condition set 1 true
}

func ExampleClient_GetFeatureFlagPayload() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	raw, err := client.GetFeatureFlagPayload(ctx, "beta", hogflags.Subject{
		DistinctID:       "user-1",
		PersonProperties: map[string]any{"plan": "pro"},
	})
	if err != nil {
		log.Fatal(err)
	}
	var settings struct{ Limit int }
	if err := hogflags.DecodePayload(raw, &settings); err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(raw), settings.Limit)
	// Output: "{\"limit\": 10}" 10
}

func ExampleDecodePayload() {
	var list []string
	fmt.Println(hogflags.DecodePayload(json.RawMessage(`"[\"a\",\"b\"]"`), &list), list)
	var text string
	fmt.Println(hogflags.DecodePayload(json.RawMessage(`"plain"`), &text), text)
	// Output:
	// <nil> [a b]
	// <nil> plain
}

func ExampleClient_GetAllFlags() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	values, err := client.GetAllFlags(ctx, hogflags.Subject{DistinctID: "user-1"}, hogflags.OnlyEvaluateLocally())
	fmt.Println(values, err) // beta and recent depend on what is not given
	// Output: map[checkout:fast off:false on:true] <nil>
}

func ExampleClient_GetAllFlagsAndPayloads() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	_, payloads, err := client.GetAllFlagsAndPayloads(ctx, hogflags.Subject{DistinctID: "user-1"})
	fmt.Printf("%s %v\n", payloads["checkout"], err)
	// Output: "\"quick\"" <nil>
}

func ExampleClient_GetRemoteConfigPayload() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	raw, err := client.GetRemoteConfigPayload(ctx, "beta")
	fmt.Println(string(raw), err)
	// Output: "{\"limit\": 10}" <nil>
}

// Without a key nothing is polled, and PostHog is asked for every flag.
func ExampleNew_remoteOnly() {
	posthog := fakePostHog() // a real program leaves this out
	defer posthog.Close()
	ctx := context.Background()
	client, err := hogflags.New(ctx, hogflags.Config{
		ProjectToken: posthogtest.ProjectToken,
		Host:         posthog.URL,
		HTTPClient:   posthog.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()

	fmt.Println(client.GetFeatureFlag(ctx, "checkout", hogflags.Subject{DistinctID: "user-1"}))
	// Output: fast <nil>
}

// A flag that is read is reported once: here to a log, with package posthogsink to
// PostHog.
func ExampleConfig_events() {
	posthog := fakePostHog()
	defer posthog.Close()
	ctx := context.Background()
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "properties": // they differ from run to run
			return slog.Attr{}
		}
		return a
	}})
	client, err := hogflags.New(ctx, hogflags.Config{
		ProjectToken: posthogtest.ProjectToken,
		SecretKey:    posthogtest.SecretKey,
		Host:         posthog.URL,
		HTTPClient:   posthog.Client(),
		Events:       events.NewLogSink(slog.New(handler)),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()

	for range 3 {
		_, _ = client.IsFeatureEnabled(ctx, "on", hogflags.Subject{DistinctID: "user-1"})
	}
	// Output: level=INFO msg=$feature_flag_called distinct_id=user-1
}

func ExampleMiddleware() {
	client, done := exampleClient(context.Background())
	defer done()

	handler := hogflags.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The subject is whom the request's headers name.
		flags, err := client.EvaluateFlags(r.Context(), hogflags.Subject{})
		if err != nil {
			log.Print(err)
		}
		_, _ = fmt.Fprintln(w, flags.Variant("checkout"))
	}))

	request := httptest.NewRequest("GET", "/", nil)
	request.Header.Set(hogflags.HeaderDistinctID, "user-1")
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	fmt.Print(response.Body)
	// Output: fast
}

func ExampleClient_OnChange() {
	ctx := context.Background()
	posthog := fakePostHog()
	defer posthog.Close()
	client, err := hogflags.New(ctx, hogflags.Config{
		ProjectToken: posthogtest.ProjectToken,
		SecretKey:    posthogtest.SecretKey,
		Host:         posthog.URL,
		HTTPClient:   posthog.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.WaitUntilReady(ctx); err != nil {
		log.Fatal(err)
	}
	defer client.OnChange(func(c hogflags.Change) { fmt.Println("changed:", c.Keys) })()

	if err := posthog.SetActive("beta", false); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.ReloadFeatureFlags(ctx))
	// Output:
	// changed: [beta]
	// <nil>
}
