package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// shared is a store that outlives a command, and the PostHog that fills it.
func shared(t *testing.T) (*posthogtest.Server, *memorycache.Store, *posthogapi.Client) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) }) // after the server was closed
	up := posthogtest.New(t)
	up.SetDefinitions(demoProject)
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	client, err := posthogapi.New(posthogapi.Config{
		Host: up.URL, ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, HTTPClient: up.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return up, store, client
}

// Each run of a scheduled sync makes one request, says what changed, and leaves
// the lease free.
func TestSyncSaysWhatChanged(t *testing.T) {
	up, store, client := shared(t)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		edit func()
		want string
	}{
		{func() {}, "the first definitions, 20 flags"},
		{func() {}, "not modified: REVISION, 20 flags"},
		{func() {
			check(up.AddFlag([]byte(`{"id":99,"key":"a-new-one","active":true}`)))
			check(up.SetRollout("checkout-redesign", 100))
			check(up.RemoveFlag("legacy-import"))
		}, "20 flags: added a-new-one; removed legacy-import; changed checkout-redesign"},
		{func() { up.SetDefinitions([]byte(`{"flags":[],"cohorts":{"7":{}}}`)) }, "changed cohorts, group types or settings"},
		{func() { up.SetDefinitions([]byte(`{"cohorts":{"7":{}}, "flags":[]}`)) }, "0 flags: changed in its layout only"},
		{func() { up.SetDefinitions(demoProject) }, "; changed cohorts, group types or settings"},
	} {
		step.edit()
		report, err := syncOnce(t.Context(), store, client, 0)
		if err != nil {
			t.Fatalf("sync %d: %v", i, err)
		}
		var out strings.Builder
		check(report.print(&out))
		want := strings.ReplaceAll(step.want, "REVISION", report.Revision[:12])
		if !strings.Contains(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("sync %d prints %q, want one line with %q", i, out.String(), want)
		}
		rec, err := store.Record(t.Context())
		if err != nil || rec.Live() || rec.Head.Revision != flagcache.RevisionOf(up.Definitions()) {
			t.Errorf("sync %d left %+v, %v, want upstream's document and a free lease", i, rec, err)
		}
		if got := len(up.Requests()); got != i+1 {
			t.Errorf("%d requests upstream after %d syncs, want as many", got, i+1)
		}
	}
}

// Another's lease is respected, and upstream left alone.
func TestSyncLeavesItToALeader(t *testing.T) {
	up, store, client := shared(t)
	rec, err := store.Acquire(t.Context(), flagcache.Bid{Token: "t", Holder: "relay-1"}, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	report, err := syncOnce(t.Context(), store, client, 0)
	want := &syncReport{Outcome: syncLed, Leader: "relay-1", Changes: noChanges()}
	if diff := cmp.Diff(report, want); err != nil || diff != "" {
		t.Errorf("sync on an empty store that is led: %v (-got +want):\n%s", err, diff)
	}

	e := flagcache.NewEntry(store.Scope(), demoProject, `W/"1"`)
	e.Position = flagcache.Position{Epoch: rec.Lease.Epoch, Seq: 1}
	e.FetchedAt, e.CheckedAt = rec.Now, rec.Now
	if _, err := store.Save(t.Context(), flagcache.Claim{Token: "t", Epoch: rec.Lease.Epoch}, e); err != nil {
		t.Fatal(err)
	}
	report, err = syncOnce(t.Context(), store, client, 0)
	want.Revision = e.Revision.String()
	if diff := cmp.Diff(report, want, cmpopts.IgnoreFields(syncReport{}, "AgeSeconds")); err != nil || diff != "" {
		t.Fatalf("sync on a store that is led: %v (-got +want):\n%s", err, diff)
	}
	var out strings.Builder
	if err := report.print(&out); err != nil || !strings.HasPrefix(out.String(), "relay-1 leads and stored ") || !strings.HasSuffix(out.String(), " s ago\n") {
		t.Errorf("prints %q, %v", out.String(), err)
	}
	if got := len(up.Requests()); got != 0 {
		t.Errorf("%d requests upstream, want none", got)
	}
}

// A failure keeps what is stored, is recorded for the fleet, and is an error.
func TestSyncFails(t *testing.T) {
	up, store, client := shared(t)
	if _, err := syncOnce(t.Context(), store, client, 0); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		failure posthogtest.Failure
		want    string
	}{
		{"document without flags", posthogtest.Failure{Body: `{"flaps":[]}`, ContentType: "application/json"}, `no "flags"`},
		{"asked again too soon", posthogtest.Failure{Status: http.StatusPaymentRequired}, "left alone until"},
	} {
		up.SetDefinitions([]byte(`{"flags":[]}`))
		up.Fail(test.failure)
		_, err := syncOnce(t.Context(), store, client, 0)
		s, ok := errors.AsType[*stop](err)
		if !ok || s.code != exitUpstream || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want exit code %d and %q", test.name, err, exitUpstream, test.want)
		}
		rec, err := store.Record(t.Context())
		if err != nil || rec.Head.Revision != flagcache.RevisionOf(demoProject) || rec.Live() || !rec.Failure.Exists() {
			t.Errorf("%s: left %+v, %v, want the good document, a failure, and a free lease", test.name, rec, err)
		}
	}
	if got := len(up.Requests()); got != 2 {
		t.Errorf("%d requests upstream, want 2: the failure keeps others from asking", got)
	}
}
