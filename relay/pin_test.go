package relay_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// A pin reaches who asks the relay, with the pinned document's own validator,
// and is in the status with its reason.
func TestPin(t *testing.T) {
	up := posthogtest.New(t)
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, up, sharing(store))
	r.ready(t)
	ask := func(etag string) answer {
		header := []string{"Authorization", "Bearer " + key}
		if etag != "" {
			header = append(header, "If-None-Match", etag)
		}
		return r.ask(t, http.MethodGet, "/flags/definitions", header...)
	}
	first := ask("")
	const edited = `{"flags":[],"cohorts":{},"group_type_mapping":{"0":"company"}}`
	up.SetDefinitions([]byte(edited))
	latest := r.await(t, "the edit is served", "/flags/definitions", func(a answer) bool { return a.body == edited })

	if _, _, err := flagcache.PinRevision(t.Context(), store, flagcache.Previous, "ada", "checkout is broken"); err != nil {
		t.Fatal(err)
	}
	pinned := r.await(t, "the pin is served", "/flags/definitions", func(a answer) bool { return a.body == first.body })
	if got, want := pinned.header.Get("ETag"), first.header.Get("ETag"); got != want {
		t.Errorf("validator %s, want the pinned document's, %s", got, want)
	}
	if a := ask(latest.header.Get("ETag")); a.status != http.StatusOK || a.body != first.body {
		t.Errorf("who has the latest gets %d %s, want the pinned document", a.status, a.body)
	}
	if a := ask(first.header.Get("ETag")); a.status != http.StatusNotModified {
		t.Errorf("who has the pinned document gets %d, want 304", a.status)
	}
	revision := flagcache.RevisionOf([]byte(edited)).String()
	for _, want := range []string{`"by":"ada"`, `"why":"checkout is broken"`, `"latest":"` + revision + `"`, `"state":"current"`, `"source":"store"`} {
		if a := r.ask(t, http.MethodGet, "/status"); !strings.Contains(a.body, want) {
			t.Errorf("/status is %s, want %s in it", a.body, want)
		}
	}
	if _, err := flagcache.Unpin(t.Context(), store, "ada", "fixed"); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the latest is served again", "/flags/definitions", func(a answer) bool { return a.body == edited })
	if a := r.ask(t, http.MethodGet, "/status"); !strings.Contains(a.body, `"pin":null`) {
		t.Errorf("/status is %s, want no pin in it", a.body)
	}
}
