package publish_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cloudflarekv"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/flagcache/publish"
	"github.com/hogflags/hogflags/internal/cloudflaretest"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// A Go client takes a leader where it takes a fleet.
func TestLeaderOfAClient(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(`{"flags":[{"id":1,"key":"on","active":true,"filters":{"groups":[{}]}}]}`))
	of := flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL}
	store, err := memorycache.New(of)
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := flagcache.New(store, flagcache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	api := cloudflaretest.New()
	kv, err := cloudflarekv.New(of, cloudflarekv.Config{
		Account: cloudflaretest.Account, Namespace: cloudflaretest.Namespace, Token: cloudflaretest.Token,
		HTTPClient: &http.Client{Transport: api},
	})
	if err != nil {
		t.Fatal(err)
	}
	leader, err := publish.NewLeader(fleet, kv, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := hogflags.New(t.Context(), hogflags.Config{
		ProjectToken: of.Project, SecretKey: posthogtest.SecretKey, Host: of.Host, Cache: leader,
	})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); leader.Published().Written == 0; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was published: %+v, %+v", leader.Published(), leader.Status())
		}
	}
	flags, err := client.EvaluateFlags(t.Context(), hogflags.Subject{DistinctID: "ada"})
	if err != nil || !flags.IsEnabled("on") {
		t.Errorf("evaluate: %v, %v", flags, err)
	}
	if got, want := leader.Published().Revision, flagcache.RevisionOf(up.Definitions()); got != want {
		t.Errorf("published %s, want %s", got, want)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if rec, err := store.Record(t.Context()); err != nil || rec.Live() {
		t.Errorf("the lease is held after Close: %+v, %v", rec.Lease, err)
	}
}
