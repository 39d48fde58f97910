package loader_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/loader"
)

// A reader of a store that nobody feeds any more goes stale and says so; it is
// current again when somebody does, and never while a leader is there.
func TestReaderOfAnUnfedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store := newStore(t, srv)
		writer := ready(t, srv, loader.Config{Coordinator: coordinate(t, store, flagcache.Options{Interval: time.Hour})})
		reader := start(t, nil, loader.Config{Upstream: upstreamOf(t, srv), Coordinator: coordinate(t, store, flagcache.Options{ReadOnly: true})})
		if err := reader.WaitUntilReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		if s := reader.Status(); s.State != loader.Current {
			t.Errorf("while a slow leader lives: %v, %v", s.State, s.Cause)
		}
		if err := writer.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		if err := writer.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(3 * time.Minute)
		if s := reader.Status(); s.State != loader.Current {
			t.Errorf("minutes after the leader left: %v, %v, want it current", s.State, s.Cause)
		}
		time.Sleep(20 * time.Minute)
		s := reader.Status()
		if u, ok := errors.AsType[*flagcache.UpstreamError](s.Cause); s.State != loader.Stale || !ok || u.Cause != flagcache.CauseUnfed {
			t.Errorf("long after the leader left: %v, %v, want it stale as the store is unfed", s.State, s.Cause)
		}
		ready(t, srv, loader.Config{Coordinator: coordinate(t, store, flagcache.Options{})})
		time.Sleep(time.Minute)
		if s := reader.Status(); s.State != loader.Current || s.Age > time.Minute {
			t.Errorf("with a new leader: %v, %v, age %v, want it current", s.State, s.Cause, s.Age)
		}
	})
}
