package loader_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// Under a pin the pinned document is evaluated, and its age stays that of the
// last answer of upstream's. It is what a restart without a store starts from.
func TestPin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		share := func(o flagcache.Options) *flagcache.Fleet {
			f, err := flagcache.New(store, o)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		file := filepath.Join(t.TempDir(), "flags")
		l := ready(t, srv, loader.Config{Coordinator: share(flagcache.Options{}), ProjectToken: posthogtest.ProjectToken, Host: srv.URL, File: file})
		synctest.Wait() // the first change has been told
		var changes int
		defer l.OnChange(func(loader.Change) { changes++ })()
		a, b := flagdef.RevisionOf([]byte(documentA)), flagdef.RevisionOf([]byte(documentB))
		srv.SetDefinitions([]byte(documentB))
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := l.Status(); s.Revision != b || s.Latest != b || s.Pin.Exists() {
			t.Fatalf("before the pin: %+v, want the edit", s)
		}
		etag := l.Status().ETag

		p, _, err := flagcache.PinRevision(t.Context(), store, flagcache.Previous, "ada", "checkout is broken")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		s := l.Status()
		if s.Revision != a || s.Latest != b || s.Pin != p || s.Flags != 2 || s.ETag == etag || s.Source != loader.FromStore {
			t.Errorf("under the pin: %+v, want the first document of the store, and the pin", s)
		}
		if s.State != loader.Current || s.Age > 35*time.Second {
			t.Errorf("after 10 min: %v, %v old, want it current: upstream goes on answering", s.State, s.Age)
		}
		if changes != 2 {
			t.Errorf("%d changes, want the edit and the pin", changes)
		}
		srv.Fail(posthogtest.Failure{Status: 503})
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := l.Status(); s.State != loader.Stale || s.Revision != a {
			t.Errorf("under the pin, without upstream: %+v, want the pinned document, stale", s)
		}

		alone := start(t, srv, loader.Config{
			Coordinator: newFleet(t, srv), ProjectToken: posthogtest.ProjectToken, Host: srv.URL, File: file,
		})
		if s := alone.Status(); s.Revision != a || s.Source != loader.File {
			t.Errorf("started from the file: %+v, want the pinned document", s)
		}

		srv.Recover()
		if _, err := flagcache.Unpin(t.Context(), store, "ada", "fixed"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if s := l.Status(); s.Revision != b || s.Pin.Exists() || s.State != loader.Current || s.ETag != etag || changes != 3 {
			t.Errorf("unpinned: %+v, %d changes, want the edit again", s, changes)
		}
	})
}
