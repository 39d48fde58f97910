package relay_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/relay"
)

// The validator may change while the document does not, and a notice of an
// older document must not touch a newer one.
func TestValidatorFollowsTheStatus(t *testing.T) {
	r, err := relay.New(relay.Config{Coordinator: broken{}, ProjectToken: "phc_x"})
	if err != nil {
		t.Fatal(err)
	}
	scope := flagcache.Scope{Project: "phc_x", Host: "https://us.i.posthog.com"}
	first := flagcache.NewEntry(scope, []byte(`{"flags":[]}`), `W/"1"`)
	second := flagcache.NewEntry(scope, []byte(`{"flags":[{}]}`), `W/"2"`)
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"apply", func() error { return r.Apply(first) }, `W/"1"`},
		{"same document, other validator", func() error {
			r.Notice(flagcache.Status{Revision: first.Revision, ETag: `W/"1b"`})
			return nil
		}, `W/"1b"`},
		{"newer document", func() error { return r.Apply(second) }, `W/"2"`},
		{"notice of the older one", func() error {
			r.Notice(flagcache.Status{Revision: first.Revision, ETag: `W/"1"`})
			return nil
		}, `W/"2"`},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/flags/definitions", nil))
		if got := w.Header().Get("ETag"); got != step.want {
			t.Errorf("%s: ETag %s, want %s", step.name, got, step.want)
		}
	}
}

// Without a validator of upstream's there is nothing to revalidate.
func TestNoValidator(t *testing.T) {
	r, err := relay.New(relay.Config{Coordinator: broken{}, ProjectToken: "phc_x"})
	if err != nil {
		t.Fatal(err)
	}
	scope := flagcache.Scope{Project: "phc_x", Host: "https://us.i.posthog.com"}
	if err := r.Apply(flagcache.NewEntry(scope, []byte(`{"flags":[]}`), "")); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "/flags/definitions", nil)
	req.Header.Set("If-None-Match", `""`)
	r.ServeHTTP(w, req)
	if w.Code != http.StatusOK || w.Header().Get("ETag") != "" || w.Header().Get("Cache-Control") != "" {
		t.Errorf("answer %d %v, want 200 without a validator", w.Code, w.Header())
	}
}
