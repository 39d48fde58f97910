package filecache

import (
	"context"
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

// Hold takes the store's lock, as another process would.
func (s *Store) Hold(ctx context.Context) (release func(), err error) {
	return newFolder(s.folder.dir, s.folder.key).lock(ctx)
}

// RecordFile and DocumentFile are where the store keeps what it keeps.
func (s *Store) RecordFile() string { return s.folder.path("record") }

// DocumentFile is the file of the stored document.
func (s *Store) DocumentFile(e *flagcache.Entry) string { return s.folder.documentPath(e.Revision) }

// OnFileSystem lets New see another answer about the file system of a path.
func OnFileSystem(t testing.TB, check func(string) error) {
	was := checkFS
	checkFS = check
	t.Cleanup(func() { checkFS = was })
}
