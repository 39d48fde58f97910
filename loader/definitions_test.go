package loader_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// The document, its ETag and the rules change together, and outlive failures.
func TestDefinitionsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		l := ready(t, srv, loader.Config{KeepDefinitions: true})
		a, ok := l.Definitions()
		if !ok || string(a.Body) != documentA || a.ETag == "" || a.Revision != flagdef.RevisionOf([]byte(documentA)) {
			t.Fatalf("got %q, ETag %q, %v", a.Body, a.ETag, ok)
		}
		srv.SetDefinitions([]byte(documentB))
		time.Sleep(time.Minute)
		b, _ := l.Definitions()
		if string(b.Body) != documentB || b.ETag == a.ETag || b.Revision != l.Status().Revision {
			t.Errorf("after a change: got %q, ETag %q", b.Body, b.ETag)
		}
		srv.Fail(posthogtest.Failure{Body: "no document"})
		time.Sleep(time.Minute)
		if got, ok := l.Definitions(); !ok || string(got.Body) != documentB || got.ETag != b.ETag {
			t.Errorf("after a failure: got %q, ETag %q, %v", got.Body, got.ETag, ok)
		}
	})
}

func TestDefinitionsOfTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		cfg := loader.Config{
			KeepDefinitions: true,
			File:            filepath.Join(t.TempDir(), "flags"),
			ProjectToken:    posthogtest.ProjectToken,
			Host:            srv.URL,
		}
		first, _ := ready(t, srv, cfg).Definitions()
		synctest.Wait() // the file is written
		srv.Fail(posthogtest.Failure{Status: 503})
		if got, ok := ready(t, srv, cfg).Definitions(); !ok || string(got.Body) != documentA || got.ETag != first.ETag {
			t.Errorf("got %q, ETag %q, %v; want those of the run before", got.Body, got.ETag, ok)
		}
	})
}

func TestDefinitionsAreDroppedUnlessWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ready(t, newServer(t), loader.Config{})
		if got, ok := l.Definitions(); ok || got.Body != nil {
			t.Errorf("got %d bytes, %v", len(got.Body), ok)
		}
	})
}
