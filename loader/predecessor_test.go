package loader_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// A loader goes on where another one is, also while upstream is down: with its
// document, ETag and age, rather than with an older file.
func TestPredecessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logs
		srv := newServer(t)
		cfg := withFile(filepath.Join(t.TempDir(), "flags"), &log)
		cfg.KeepDefinitions = true
		first := ready(t, srv, cfg) // the file holds document A
		plain := cfg
		plain.File = ""
		srv.SetDefinitions([]byte(documentB))
		second := ready(t, srv, plain)
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		srv.Fail(posthogtest.Failure{Status: 503})
		time.Sleep(time.Hour)

		cfg.Predecessor = second
		third := start(t, srv, cfg)
		got, ok := third.Definitions()
		want, _ := second.Definitions()
		if !ok || string(got.Body) != documentB || got.ETag != want.ETag || third.Rules() == nil {
			t.Fatalf("starts with %q, ETag %q, want the predecessor's %q", got.Body, got.ETag, want.ETag)
		}
		if s := third.Status(); s.State != loader.Stale || s.Age < time.Hour || s.Revision != flagdef.RevisionOf([]byte(documentB)) {
			t.Errorf("status %+v, want it stale for an hour", s)
		}
		if err := second.Close(); err != nil {
			t.Fatal(err)
		}
		srv.Recover()
		time.Sleep(time.Hour)
		s := third.Status()
		if s.State != loader.Current || s.Full != 0 || s.NotModified == 0 {
			t.Errorf("status %+v, want it confirmed without another document", s)
		}
		if saved, err := os.ReadFile(cfg.File); err != nil || !bytes.HasSuffix(saved, []byte(documentB)) {
			t.Errorf("the file holds %q, %v, want the predecessor's document", saved, err)
		}
	})
}

// Who has nothing hands nothing over.
func TestPredecessorWithoutDefinitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		empty := start(t, srv, loader.Config{Upstream: upstreamOf(t, srv)}) // it does not keep them
		l := ready(t, srv, loader.Config{Predecessor: empty, Bootstrap: []byte(documentB)})
		if got := l.Status().Revision; got != flagdef.RevisionOf([]byte(documentB)) {
			t.Errorf("revision %s, want the bootstrap's", got)
		}
	})
}
