package posthogtransport_test

import (
	"context"
	"fmt"
	"log"

	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/posthogtransport"
)

func ExampleConfigure() {
	server, err := posthogtest.Start(posthogtest.Config{Definitions: []byte(definitions)})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	client, err := hogflags.New(context.Background(), hogflags.Config{
		Host:            server.URL,
		ProjectToken:    posthogtest.ProjectToken,
		SecretKey:       posthogtest.SecretKey,
		KeepDefinitions: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	config := posthog.Config{Endpoint: server.URL, PersonalApiKey: "phx_anything"}
	if err := posthogtransport.Configure(&config, client); err != nil {
		log.Fatal(err)
	}
	app, err := posthog.NewWithConfig(posthogtest.ProjectToken, config)
	if err != nil {
		log.Fatal(err)
	}
	no := false
	fmt.Println(app.GetFeatureFlag(posthog.FeatureFlagPayload{Key: "on", DistinctId: "ada", SendFeatureFlagEvents: &no}))
	fmt.Println(app.Close())
	// Output:
	// true <nil>
	// <nil>
}
