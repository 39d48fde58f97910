package publish_test

import (
	"context"
	"log"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cloudflarekv"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/flagcache/publish"
)

// A Go service that shares definitions with a fleet, and publishes them to Workers
// KV while it leads.
func ExampleNewLeader() {
	scope := flagcache.Scope{Project: "phc_…", Host: "https://us.i.posthog.com"}
	store, err := memorycache.New(scope) // for a fleet of several processes: rediscache, pgcache, …
	if err != nil {
		log.Fatal(err)
	}
	fleet, err := flagcache.New(store, flagcache.Options{})
	if err != nil {
		log.Fatal(err)
	}
	kv, err := cloudflarekv.New(scope, cloudflarekv.Config{Account: "ACCOUNT_ID", Namespace: "NAMESPACE_ID", Token: "…"})
	if err != nil {
		log.Fatal(err)
	}
	leader, err := publish.NewLeader(fleet, kv, nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := hogflags.New(context.Background(), hogflags.Config{
		ProjectToken: scope.Project, SecretKey: "phs_…", Host: scope.Host, Cache: leader,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()
}
