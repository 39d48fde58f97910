package filecache_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
	"github.com/hogflags/hogflags/flagcache/filecache"
)

func open(t testing.TB, dir string, scope flagcache.Scope) *filecache.Store {
	t.Helper()
	s, err := filecache.New(dir, scope)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	dir := t.TempDir()
	remove := func(t testing.TB, scope flagcache.Scope, pattern string) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, scope.Key()+pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	}
	cachetest.Run(t, cachetest.Backend{
		Open: func(t testing.TB, scope flagcache.Scope) flagcache.Store { return open(t, dir, scope) },
		Wipe: func(t testing.TB, scope flagcache.Scope) { remove(t, scope, ".*") }, // the lock, too
		Evict: func(t testing.TB, scope flagcache.Scope) {
			s := open(t, dir, scope)
			e, err := s.Load(t.Context())
			if err == nil {
				err = os.Remove(s.DocumentFile(e))
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	})
}

// What somebody keeps beside the documents, under a name that only begins like
// theirs, stays.
func TestSweepTakesItsOwnAlone(t *testing.T) {
	dir := t.TempDir()
	scope := flagcache.Scope{Project: "phc_x", Host: "https://us.i.posthog.com"}
	s := open(t, dir, scope)
	former := strings.Repeat("0a", 32)
	path := func(name string) string { return filepath.Join(dir, scope.Key()+"."+name+".json") }
	for _, name := range []string{former, former + ".mine"} {
		if err := os.WriteFile(path(name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := s.Acquire(t.Context(), flagcache.Bid{Token: "t"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	e := flagcache.NewEntry(scope, []byte(`{"flags":[]}`), "")
	e.Position = flagcache.Position{Epoch: rec.Lease.Epoch, Seq: 1}
	if _, err := s.Save(t.Context(), flagcache.Claim{Token: "t", Epoch: rec.Lease.Epoch}, e); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path(former)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a document that nothing names is still there: %v", err)
	}
	if _, err := os.Stat(path(former + ".mine")); err != nil {
		t.Errorf("somebody's file was removed: %v", err)
	}
}

func TestReplay(t *testing.T) {
	dir := t.TempDir()
	cachetest.Replay(t, func(t testing.TB, scope flagcache.Scope) cachetest.Replayable {
		return filecache.OnTestClock(t, dir, scope)
	})
}

func Benchmark(b *testing.B) {
	dir := b.TempDir()
	cachetest.Bench(b, "", func(t testing.TB, _ string, scope flagcache.Scope) flagcache.Store { return open(t, dir, scope) })
}
