package relay_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// The validator may change while the document does not, and the relay hands out
// the one that upstream would answer with 304.
func TestValidatorFollowsUpstream(t *testing.T) {
	etag := make(chan string, 1)
	etag <- `W/"1"`
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		now := <-etag
		etag <- now
		w.Header().Set("ETag", now)
		if req.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified) // under another validator, perhaps
			return
		}
		_, _ = w.Write([]byte(posthogtest.EmptyDefinitions))
	}))
	t.Cleanup(up.Close)
	r := start(t, &posthogtest.Server{URL: up.URL}, keyless)
	r.ready(t)
	has := func(want string) func(answer) bool {
		return func(a answer) bool { return a.header.Get("ETag") == want }
	}
	r.await(t, "the first validator is served", "/flags/definitions", has(`W/"1"`))
	<-etag
	etag <- `W/"2"`
	r.await(t, "the second validator is served", "/flags/definitions", has(`W/"2"`))
}

// Without a validator of upstream's there is nothing to revalidate.
func TestNoValidator(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(posthogtest.EmptyDefinitions))
	}))
	t.Cleanup(up.Close)
	r := start(t, &posthogtest.Server{URL: up.URL}, keyless)
	r.ready(t)
	a := r.ask(t, http.MethodGet, "/flags/definitions", "If-None-Match", `""`)
	if a.status != http.StatusOK || a.header.Get("ETag") != "" || a.header.Get("Cache-Control") != "" {
		t.Errorf("answer %d %v, want 200 without a validator", a.status, a.header)
	}
}
