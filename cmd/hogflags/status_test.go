package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestStatusOfAStore(t *testing.T) {
	up, store, client := shared(t)
	if _, err := syncOnce(t.Context(), store, client, 0); err != nil {
		t.Fatal(err)
	}
	read := func(interval time.Duration) (*storeStatus, string) {
		t.Helper()
		s, err := readStatus(t.Context(), store, interval, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := s.print(&out); err != nil {
			t.Fatal(err)
		}
		return s, out.String()
	}
	s, text := read(30 * time.Second)
	if s.State != "current" || s.Bytes != len(demoProject) || s.Leader != "" || s.Failure != nil {
		t.Errorf("status %+v, want current definitions that nobody leads", s)
	}
	if want := "revision   " + flagcache.RevisionOf(demoProject).Short(); !strings.Contains(text, want) {
		t.Errorf("prints\n%swant %q", text, want)
	}
	if s, _ := read(time.Nanosecond); s.State != "stale" {
		t.Errorf("state %q after three intervals, want stale", s.State)
	}

	up.Fail(posthogtest.Failure{Status: http.StatusPaymentRequired})
	if _, err := syncOnce(t.Context(), store, client, 0); err == nil {
		t.Fatal("sync succeeded, want a failure to look at")
	}
	if _, err := store.Acquire(t.Context(), flagcache.Bid{Token: "t", Holder: "relay-1"}, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	s, text = read(30 * time.Second)
	if s.Failure == nil || s.Failure.Cause != flagcache.CauseQuota || s.Failure.Count != 1 || s.Leader != "relay-1" || s.LeaseUntil == nil {
		t.Errorf("status %+v, want a failure and a leader", s)
	}
	for _, want := range []string{"leader     relay-1, until ", "failure    quota_limited, 1 in a row; not asked again before "} {
		if !strings.Contains(text, want) {
			t.Errorf("prints\n%swant %q", text, want)
		}
	}
}

// A document of unknown age, as another SDK stores it, is current and has no age.
func TestStatusOfUnknownAge(t *testing.T) {
	_, store, _ := shared(t)
	rec, err := store.Acquire(t.Context(), flagcache.Bid{Token: "t", Holder: "another SDK"}, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	e := flagcache.NewEntry(store.Scope(), demoProject, "")
	e.Position = flagcache.Position{Epoch: rec.Lease.Epoch, Seq: 1}
	if _, err := store.Save(t.Context(), flagcache.Claim{Token: "t", Epoch: rec.Lease.Epoch}, e); err != nil {
		t.Fatal(err)
	}
	s, err := readStatus(t.Context(), store, 30*time.Second, nil)
	if err != nil || s.State != "current" || s.AgeSeconds != nil || s.CheckedAt != nil || s.Revision != e.Revision.String() {
		t.Errorf("status %+v, %v; want it current, of unknown age", s, err)
	}
	var out strings.Builder
	if err := s.print(&out); err != nil || !strings.Contains(out.String(), "confirmed  not known") {
		t.Errorf("prints\n%s%v", out.String(), err)
	}
	if rec, err = store.Record(t.Context()); err != nil || ledBy(rec).AgeSeconds != nil {
		t.Errorf("sync reports %+v, %v; want no age", ledBy(rec), err)
	}
	found := examination{store: store, interval: 30 * time.Second, record: rec}
	found.entry(t.Context())
	want := flagcache.Finding{Check: "age", Severity: flagcache.SeverityNote, Message: "not known: another SDK stored them"}
	if got := found.findings[len(found.findings)-1]; got != want {
		t.Errorf("the doctor says %+v, want %+v", got, want)
	}
}

// A watch prints what is there and each change, and nothing in between.
func TestStatusWatch(t *testing.T) {
	_, store, client := shared(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		cmd := statusCmd{PollInterval: 30 * time.Second, Watch: true}
		err := cmd.watch(ctx, console{out: out, err: io.Discard}, store)
		done <- err
		_ = out.CloseWithError(err)
	}()
	buf := make([]byte, 4096)
	n, err := in.Read(buf)
	if err != nil || !strings.Contains(string(buf[:n]), "empty") {
		t.Fatalf("printed %q, %v, want an empty store", buf[:n], err)
	}
	synced := make(chan error, 1)
	go func() {
		_, err := syncOnce(t.Context(), store, client, 0)
		synced <- err
	}()
	for !strings.Contains(string(buf[:n]), "current") {
		if n, err = in.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, in) }()
	if err := <-synced; err != nil {
		t.Fatal(err)
	}
	interrupt()
	if err := <-done; err != nil {
		t.Errorf("watch = %v, want nil after an interrupt", err)
	}
}
