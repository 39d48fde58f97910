package relay

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// A relay that says that it is ready answers, also when the goroutine that
// loads definitions was interrupted before they could be served.
func TestReadyMeansServed(t *testing.T) {
	up := posthogtest.New(t)
	up.Fail(posthogtest.Failure{Status: http.StatusServiceUnavailable})
	r, err := New(t.Context(), Config{Projects: []Project{{
		Token: posthogtest.ProjectToken, Host: up.URL, SecretKey: Source{Value: posthogtest.SecretKey},
	}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	f := r.current.Load().projects[0].feed
	f.adopting.Lock()
	up.Recover()
	go func() { _ = f.loader.Reload(t.Context()) }()
	if err := f.loader.WaitUntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err = r.WaitUntilReady(ended)
	f.adopting.Unlock()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("nothing is served yet: %v, want %v", err, context.Canceled)
	}
	if err := r.WaitUntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.document() == nil {
		t.Error("ready, and nothing to serve")
	}
}
