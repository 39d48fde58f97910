package sqlitecache

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
)

// OnTestClock is a store on a clock that the test sets.
func OnTestClock(t testing.TB, path string, scope flagcache.Scope) cachetest.Replayable {
	s, err := New(path, scope)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var now atomic.Pointer[time.Time]
	s.OnClock(func() time.Time { return *now.Load() })
	return cachetest.Replayable{
		Store:  s,
		SetNow: func(_ testing.TB, at time.Time) { now.Store(&at) },
		Restore: func(t testing.TB, l flagcache.Ledger) {
			if err := s.Replace(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// OnFileSystem lets New see another answer about the file system of a path.
func OnFileSystem(t testing.TB, check func(string) error) {
	was := checkFS
	checkFS = check
	t.Cleanup(func() { checkFS = was })
}
