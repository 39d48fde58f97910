package hogflags_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// fakePostHog stands in for PostHog in the examples.
func fakePostHog() *posthogtest.Server {
	srv, err := posthogtest.Start(posthogtest.Config{Definitions: []byte(definitions)})
	if err != nil {
		log.Fatal(err)
	}
	return srv
}

// exampleClient is a client of a fake PostHog, ready to use.
func exampleClient(ctx context.Context) (c *hogflags.Client, done func()) {
	srv := fakePostHog()
	c, err := hogflags.New(ctx, hogflags.Config{
		ProjectToken: posthogtest.ProjectToken,
		SecretKey:    posthogtest.SecretKey,
		Host:         srv.URL,
		HTTPClient:   srv.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := c.WaitUntilReady(ctx); err != nil {
		log.Fatal(err)
	}
	return c, func() {
		_ = c.Close()
		srv.Close()
	}
}

func Example() {
	posthog := fakePostHog() // a real program leaves this out,
	defer posthog.Close()
	ctx := context.Background()
	client, err := hogflags.New(ctx, hogflags.Config{
		ProjectToken: "phc_posthogtest",
		SecretKey:    "phs_posthogtest", // takes its key from the environment,
		Host:         posthog.URL,       // and names PostHog's region here
		HTTPClient:   posthog.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.WaitUntilReady(ctx); err != nil {
		log.Fatal(err)
	}

	flags, err := client.EvaluateFlags(ctx, hogflags.Subject{
		DistinctID:       "user-1",
		PersonProperties: map[string]any{"plan": "pro"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(flags.IsEnabled("beta"), flags.Reason("beta"))
	fmt.Println(flags.Variant("checkout"))
	// Output:
	// true condition_match
	// fast
}

func ExampleClient_IsFeatureEnabled() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	on, err := client.IsFeatureEnabled(ctx, "on", hogflags.Subject{DistinctID: "user-1"})
	fmt.Println(on, err)
	// Output: true <nil>
}

func ExampleClient_GetFeatureFlag() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	value, err := client.GetFeatureFlag(ctx, "checkout", hogflags.Subject{DistinctID: "user-1"})
	if err != nil {
		log.Fatal(err)
	}
	switch value {
	case "fast":
		fmt.Println("the fast checkout")
	default: // also for false
		fmt.Println("the usual checkout")
	}
	// Output: the fast checkout
}

func ExampleInconclusiveError() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	// The flag asks for the person's plan, which PostHog may know, and which
	// the caller has not given.
	_, err := client.GetFeatureFlag(ctx, "beta", hogflags.Subject{DistinctID: "user-1"}, hogflags.OnlyEvaluateLocally())
	if e, ok := errors.AsType[*hogflags.InconclusiveError](err); ok {
		fmt.Println(e.Missing[0])
	}
	// Output: person property plan
}

func ExampleEvaluations_PayloadInto() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	flags, err := client.EvaluateFlags(ctx, hogflags.Subject{
		DistinctID:       "user-1",
		PersonProperties: map[string]any{"plan": "pro"},
	})
	if err != nil {
		log.Fatal(err)
	}
	var settings struct{ Limit int }
	if err := flags.PayloadInto("beta", &settings); err != nil {
		log.Fatal(err)
	}
	fmt.Println(settings.Limit)
	// Output: 10
}

func ExampleClient_Status() {
	ctx := context.Background()
	client, done := exampleClient(ctx)
	defer done()

	status := client.Status()
	fmt.Println(status.State, status.Source, status.Flags)
	// Output: current upstream 5
}
