// Fleet evaluates a flag every two seconds, from definitions that it shares
// over Redis. Start it in several terminals: one process asks PostHog.
//
//	export REDIS_URL=redis://127.0.0.1:6379/0 POSTHOG_PROJECT_API_KEY=phc_… POSTHOG_SECRET_KEY=phs_…
//	go run ./examples/fleet my-flag user-1
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/rediscache"
	"github.com/hogflags/hogflags/posthogapi"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: fleet FLAG DISTINCT-ID")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, flag, distinctID string) error {
	token, host := os.Getenv("POSTHOG_PROJECT_API_KEY"), cmp.Or(os.Getenv("POSTHOG_HOST"), posthogapi.DefaultHost)
	store, err := rediscache.Open(os.Getenv("REDIS_URL"), flagcache.Scope{Project: token, Host: host})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	cache, err := flagcache.New(store, flagcache.Options{})
	if err != nil {
		return err
	}
	client, err := hogflags.New(ctx, hogflags.Config{
		ProjectToken: token, SecretKey: os.Getenv("POSTHOG_SECRET_KEY"), Host: host,
		Cache: cache,
	})
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }() // before the store: it gives back its lease
	if err := client.WaitUntilReady(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		value, err := client.GetFeatureFlag(ctx, flag, hogflags.Subject{DistinctID: distinctID})
		s := client.Status()
		fmt.Println(flag, value, err, "from", s.Source, s.State, s.Role)
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
	return nil
}
