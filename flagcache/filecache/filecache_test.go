package filecache_test

import (
	"os"
	"path/filepath"
	"testing"

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
