package hogflags_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
)

// Two clients share what one of them fetched. Processes share it in the same
// way over a store that all of them reach, such as rediscache or pgcache.
func ExampleConfig_cache() {
	posthog := fakePostHog()
	defer posthog.Close()
	ctx := context.Background()
	store, err := memorycache.New(flagcache.Scope{Project: "phc_posthogtest", Host: posthog.URL})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		cache, err := flagcache.New(store, flagcache.Options{})
		if err != nil {
			log.Fatal(err)
		}
		client, err := hogflags.New(ctx, hogflags.Config{
			ProjectToken: "phc_posthogtest",
			SecretKey:    "phs_posthogtest",
			Host:         posthog.URL,
			HTTPClient:   posthog.Client(),
			Cache:        cache,
		})
		if err != nil {
			log.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		if err := client.WaitUntilReady(ctx); err != nil {
			log.Fatal(err)
		}
		on, err := client.IsFeatureEnabled(ctx, "on", hogflags.Subject{DistinctID: "user-1"})
		fmt.Println(on, err, client.Status().Source)
	}
	fmt.Println("requests:", len(posthog.Requests()))
	// Output:
	// true <nil> upstream
	// true <nil> store
	// requests: 1
}
