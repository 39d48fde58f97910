package posthogsink_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/posthogsink"
)

func Example() {
	events := new(captured) // stands in for PostHog, as do the next two lines
	ingestion := httptest.NewServer(events)
	flags, err := posthogtest.Start(posthogtest.Config{Definitions: []byte(`{"flags":[{"key":"beta","active":true,"filters":{"groups":[{}]}}]}`)})
	if err != nil {
		log.Fatal(err)
	}

	sender, err := posthog.NewWithConfig(posthogtest.ProjectToken, posthog.Config{Endpoint: ingestion.URL})
	if err != nil {
		log.Fatal(err)
	}
	sink, err := posthogsink.New(sender)
	if err != nil {
		log.Fatal(err)
	}
	client, err := hogflags.New(context.Background(), hogflags.Config{
		ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: flags.URL, HTTPClient: flags.Client(),
		Events: sink,
	})
	if err != nil {
		log.Fatal(err)
	}
	on, err := client.IsFeatureEnabled(context.Background(), "beta", hogflags.Subject{DistinctID: "ada"})
	fmt.Println(on, err)

	_ = client.Close()
	_ = sender.Close() // last, so that every event is sent
	ingestion.Close()
	flags.Close()
	for _, e := range events.events {
		fmt.Println(e["event"], e["distinct_id"])
	}
	// Output:
	// true <nil>
	// $feature_flag_called ada
}
