package loader_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func newFleet(t *testing.T, srv *posthogtest.Server) *flagcache.Fleet {
	t.Helper()
	return coordinate(t, newStore(t, srv), flagcache.Options{})
}

func newStore(t *testing.T, srv *posthogtest.Server) *memorycache.Store {
	t.Helper()
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func coordinate(t *testing.T, store flagcache.Store, o flagcache.Options) *flagcache.Fleet {
	t.Helper()
	f, err := flagcache.New(store, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A fleet of which nothing is left but files asks whether those are current,
// and not for the document.
func TestFleetStartsFromTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		config := func() loader.Config {
			return loader.Config{
				Coordinator: newFleet(t, srv), ProjectToken: posthogtest.ProjectToken, Host: srv.URL,
				File: filepath.Join(t.TempDir(), "flags"),
			}
		}
		cfg := config()
		first := ready(t, srv, cfg)
		synctest.Wait()
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		asked := len(srv.Requests())

		again := config()
		again.File = cfg.File
		srv.Fail(posthogtest.Failure{Delay: time.Second, Times: 1})
		l := start(t, srv, again)
		synctest.Wait()
		if s := l.Status(); s.Source != loader.File || s.State != loader.Stale || s.Age < time.Hour {
			t.Errorf("while the request is under way: %+v, want the file, stale", s)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		requests := srv.Requests()[asked:]
		if len(requests) != 1 || requests[0].Kind != posthogtest.NotModified {
			t.Errorf("requests %+v, want one, answered not modified", requests)
		}
		if s := l.Status(); s.Source != loader.FromUpstream || s.State != loader.Current || s.Age != time.Second || s.NotModified != 1 || s.Full != 0 {
			t.Errorf("confirmed: %+v, want it current", s)
		}
	})
}

// What upstream refuses to mend stays out, and the cause goes with the next
// good answer.
func TestFleetKeepsTheLastGood(t *testing.T) {
	for _, tt := range failures {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				l := ready(t, srv, loader.Config{Coordinator: newFleet(t, srv)})
				time.Sleep(time.Second) // a reload wants a request that is later than the first
				good := l.Status()
				srv.Fail(tt.failure)
				err := l.Reload(t.Context())
				if u, ok := errors.AsType[*flagcache.UpstreamError](err); !ok || posthogapi.KindOf(err) != tt.kind && u.Cause != flagcache.CauseBadDocument {
					t.Errorf("Reload: %v, want upstream's failure", err)
				}
				synctest.Wait()
				got := l.Status()
				if got.State != loader.Stale || got.Cause == nil || got.Failed == 0 || got.Revision != good.Revision {
					t.Errorf("got %+v, want the last good definitions, stale", got)
				}
				if errors.Is(got.Cause, loader.ErrBadDocument) != tt.bad {
					t.Errorf("cause %v, want it to be a bad document: %v", got.Cause, tt.bad)
				}
				srv.Recover()
				srv.SetDefinitions([]byte(documentB))
				time.Sleep(time.Minute) // until it may be asked again
				if err := l.Reload(t.Context()); err != nil {
					t.Error(err)
				}
				if got := l.Status(); got.State != loader.Current || got.Cause != nil || got.Revision != flagdef.RevisionOf([]byte(documentB)) {
					t.Errorf("after recovery: %+v, want the new document", got)
				}
			})
		})
	}
}

func TestFleetReloadAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		l := ready(t, srv, loader.Config{Coordinator: newFleet(t, srv)})
		time.Sleep(time.Second) // as above
		srv.Fail(posthogtest.Failure{Delay: time.Hour})
		reloaded := make(chan error, 1)
		go func() { reloaded <- l.Reload(t.Context()) }()
		time.Sleep(time.Second)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-reloaded; !errors.Is(err, loader.ErrClosed) {
			t.Errorf("reload under way: %v, want ErrClosed", err)
		}
		if err := l.Reload(t.Context()); !errors.Is(err, loader.ErrClosed) {
			t.Errorf("reload after Close: %v, want ErrClosed", err)
		}
		if s := l.Status(); s.State != loader.Closed || s.Role != flagcache.RoleStopped || l.Rules() == nil {
			t.Errorf("after Close: %+v, want the rules kept", s)
		}
	})
}

// stuck is a coordinator that does not end with its context.
type stuck struct {
	*flagcache.Fleet
	release chan struct{}
}

func (s stuck) Run(context.Context, flagcache.Upstream, flagcache.Sink) error {
	<-s.release
	return nil
}

func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		s := stuck{newFleet(t, srv), make(chan struct{})}
		defer close(s.release)
		l, err := loader.New(t.Context(), loader.Config{Upstream: upstreamOf(t, srv), Coordinator: s})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := l.Close(); err == nil || !strings.Contains(err.Error(), "did not end within 10s") || time.Since(began) != 10*time.Second {
			t.Errorf("Close: %v after %v, want an error after 10 s", err, time.Since(began))
		}
	})
}

// scoped is a coordinator that says whose definitions it shares.
type scoped struct {
	flagcache.Coordinator
	scope flagcache.Scope
}

func (s scoped) Scope() flagcache.Scope { return s.scope }

func TestNewRefusesAForeignCoordinator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		for _, test := range []struct {
			scope flagcache.Scope
			good  bool
		}{
			{flagcache.Scope{Project: "phc_x", Host: "https://us.i.posthog.com"}, true},
			{flagcache.Scope{Project: "phc_x", Host: "https://US.posthog.com/"}, true}, // another spelling
			{flagcache.Scope{Project: "phc_x", Host: "https://eu.i.posthog.com"}, false},
			{flagcache.Scope{Project: "phc_y", Host: "https://us.i.posthog.com"}, false},
		} {
			l, err := loader.New(t.Context(), loader.Config{
				Upstream: upstreamOf(t, srv), Coordinator: scoped{newFleet(t, srv), test.scope},
				ProjectToken: "phc_x", Host: "https://us.i.posthog.com",
			})
			if (err == nil) != test.good {
				t.Errorf("%+v: error %v", test.scope, err)
			}
			if err == nil {
				_ = l.Close()
			}
		}
	})
}
