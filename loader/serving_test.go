package loader_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/rules"
)

func statusOf(l *loader.Loader, key string) rules.Status {
	return l.Rules().Evaluate(key, &rules.Subject{DistinctID: "u", Now: time.Now()}).Status
}

// Definitions that nobody confirms expire, to the moment, and are back with
// the first answer, also a 304.
func TestMaxAge(t *testing.T) {
	for _, inFleet := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(t)
			cfg := loader.Config{MaxAge: 10 * time.Minute}
			if inFleet {
				cfg.Coordinator = newFleet(t, srv)
			}
			l := ready(t, srv, cfg)
			synctest.Wait()
			checked := l.Status().CheckedAt
			srv.Fail(posthogtest.Failure{Status: 503})
			time.Sleep(time.Until(checked.Add(10 * time.Minute)))
			if got := statusOf(l, "a"); got != rules.Decided || l.Status().Expired {
				t.Fatalf("in fleet %v, at the limit: %v, expired %v; want it decided", inFleet, got, l.Status().Expired)
			}
			time.Sleep(time.Millisecond)
			if got := statusOf(l, "a"); got != rules.Inconclusive || !l.Status().Expired {
				t.Errorf("in fleet %v, after the limit: %v, expired %v; want it inconclusive", inFleet, got, l.Status().Expired)
			}
			if got := statusOf(l, "x"); got != rules.NotFound {
				t.Errorf("a flag that does not exist: %v", got)
			}
			srv.Recover()
			time.Sleep(6 * time.Minute)
			if got := statusOf(l, "a"); got != rules.Decided || l.Status().Expired || l.Status().NotModified == 0 {
				t.Errorf("in fleet %v, confirmed again: %v, %+v", inFleet, got, l.Status())
			}
		})
	}
}

// Overrides hold whatever becomes of the definitions.
func TestOverridesOutlastDefinitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		l := ready(t, srv, loader.Config{
			MaxAge: time.Hour, OnQuotaLimited: loader.ClearFlags,
			Overrides: map[string]flagdef.Override{"a": {Enabled: true, Variant: "fixed"}},
		})
		variant := func() string { return l.Rules().Evaluate("a", &rules.Subject{DistinctID: "u"}).Variant }
		srv.Fail(posthogtest.Failure{Status: 503})
		time.Sleep(2 * time.Hour)
		if got := variant(); got != "fixed" || statusOf(l, "b") != rules.Inconclusive {
			t.Errorf("expired: %q, and %v beside it", got, statusOf(l, "b"))
		}
		srv.Fail(posthogtest.Failure{Status: 402})
		time.Sleep(time.Hour)
		if got := variant(); got != "fixed" || statusOf(l, "b") != rules.NotFound {
			t.Errorf("over the quota: %q, and %v beside it", got, statusOf(l, "b"))
		}
	})
}

// A file from the future, written before the clock was set back, is as old as the
// process, and expires.
func TestFileFromTheFutureExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		file := filepath.Join(t.TempDir(), "flags")
		cfg := loader.Config{File: file, ProjectToken: "phc_x", Host: "https://h", MaxAge: time.Hour, Bootstrap: []byte(documentB)}
		first := ready(t, srv, cfg)
		synctest.Wait()
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		aged := setBack(t, file, 365*24*time.Hour)

		srv.Fail(posthogtest.Failure{Status: 503})
		cfg.File = aged
		l := start(t, srv, cfg)
		if s := l.Status(); s.Source != loader.File || statusOf(l, "a") != rules.Decided || s.CheckedAt.After(time.Now()) {
			t.Fatalf("at the start: %+v", s)
		}
		time.Sleep(time.Hour + time.Second)
		if got := statusOf(l, "a"); got != rules.Inconclusive {
			t.Errorf("an hour later: %v, want it inconclusive", got)
		}
	})
}

// setBack copies a last-known-good file as a clock that is ahead would have
// written it.
func setBack(t *testing.T, file string, by time.Duration) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(data), "\n", 3)
	var header map[string]any
	if err := json.Unmarshal([]byte(lines[1]), &header); err != nil {
		t.Fatal(err)
	}
	header["checked_at"] = time.Now().Add(by).UTC()
	about, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(about) + "\n" + lines[2]
	aged := file + ".ahead"
	if err := os.WriteFile(aged, fmt.Appendf(nil, "hogflags-definitions 1 %x\n%s", sha256.Sum256([]byte(rest)), rest), 0o600); err != nil {
		t.Fatal(err)
	}
	return aged
}

func TestUnknownAgeNeverExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Status: 503})
		l := start(t, srv, loader.Config{MaxAge: time.Minute, Bootstrap: []byte(documentA)})
		time.Sleep(24 * time.Hour)
		if got := statusOf(l, "a"); got != rules.Decided || l.Status().Expired {
			t.Errorf("a bootstrap after a day: %v, %+v", got, l.Status())
		}
	})
}

// Over the quota: the last good flags, or none; the body and its ETag stay, so
// that the flags are back with a 304.
func TestOnQuotaLimited(t *testing.T) {
	for _, policy := range []loader.QuotaPolicy{loader.KeepFlags, loader.ClearFlags} {
		for _, inFleet := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				clear := policy == loader.ClearFlags
				srv := newServer(t)
				cfg := loader.Config{OnQuotaLimited: policy}
				if inFleet {
					cfg.Coordinator = newFleet(t, srv)
				}
				l := ready(t, srv, cfg)
				good := l.Status()
				check := func(when string, gone bool) {
					t.Helper()
					synctest.Wait()
					want := rules.Decided
					if gone {
						want = rules.NotFound
					}
					s := l.Status()
					if got := statusOf(l, "a"); got != want || s.Cleared != gone {
						t.Errorf("policy %d, in fleet %v, %s: %v, cleared %v; want %v", policy, inFleet, when, got, s.Cleared, want)
					}
					if s.ETag != good.ETag || s.Revision != good.Revision || s.Flags != 2 {
						t.Errorf("%s: holds %+v, want what it held", when, s)
					}
				}
				srv.Fail(posthogtest.Failure{Status: 402})
				time.Sleep(2 * time.Minute)
				check("over the quota", clear)
				srv.Fail(posthogtest.Failure{Status: 503})
				time.Sleep(10 * time.Minute)
				check("down, and over the quota before", clear)
				srv.Recover()
				time.Sleep(10 * time.Minute)
				check("after recovery", false)
				if s := l.Status(); s.NotModified == 0 || s.Full != 1 {
					t.Errorf("%d full and %d conditional answers, want the flags back without a second document", s.Full, s.NotModified)
				}
			})
		}
	}
}

// A follower, and a process that starts during it, learn of the quota from the
// store; nobody sees a flag in between.
func TestQuotaReachesTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store := newStore(t, srv)
		join := func() *loader.Loader {
			return start(t, srv, loader.Config{OnQuotaLimited: loader.ClearFlags, Coordinator: coordinate(t, store, flagcache.Options{})})
		}
		var all []*loader.Loader
		for range 3 {
			all = append(all, join())
		}
		time.Sleep(5 * time.Second)
		srv.Fail(posthogtest.Failure{Status: 402})
		time.Sleep(time.Minute)
		late := join()
		if err := late.WaitUntilReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := statusOf(late, "a"); got != rules.NotFound {
			t.Errorf("who starts over the quota answers %v at first, want no flag", got)
		}
		all = append(all, late)
		synctest.Wait()
		for i, l := range all {
			if s := l.Status(); !s.Cleared || statusOf(l, "a") != rules.NotFound {
				t.Errorf("process %d (%s): %+v, want its flags cleared", i, s.Role, s)
			}
		}
		srv.Recover()
		time.Sleep(6 * time.Minute)
		for i, l := range all {
			if s := l.Status(); s.Cleared || statusOf(l, "a") != rules.Decided || s.Revision != flagdef.RevisionOf([]byte(documentA)) {
				t.Errorf("process %d (%s): %+v, want its flags back", i, s.Role, s)
			}
		}
		if i := slices.IndexFunc(all, func(l *loader.Loader) bool { return l.Status().Full > 1 }); i >= 0 {
			t.Errorf("process %d fetched the document again", i)
		}
	})
}
