package sqlitecache_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
	"github.com/hogflags/hogflags/flagcache/sqlitecache"
)

func open(t testing.TB, path string, scope flagcache.Scope) *sqlitecache.Store {
	t.Helper()
	s, err := sqlitecache.New(path, scope)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// exec does to the database what an administrator might.
func exec(t testing.TB, path, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
}

func TestSuite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	cachetest.Run(t, cachetest.Backend{
		Open: func(t testing.TB, scope flagcache.Scope) flagcache.Store { return open(t, path, scope) },
		Wipe: func(t testing.TB, scope flagcache.Scope) {
			exec(t, path, "DELETE FROM records WHERE scope = ?1; DELETE FROM documents WHERE scope = ?1", scope.Key())
		},
		Evict: func(t testing.TB, scope flagcache.Scope) {
			e, err := open(t, path, scope).Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			exec(t, path, "DELETE FROM documents WHERE scope = ? AND revision = ?", scope.Key(), e.Revision[:])
		},
	})
}

func TestReplay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	cachetest.Replay(t, func(t testing.TB, scope flagcache.Scope) cachetest.Replayable {
		return sqlitecache.OnTestClock(t, path, scope)
	})
}

func Benchmark(b *testing.B) {
	path := filepath.Join(b.TempDir(), "cache.db")
	cachetest.Bench(b, "", func(t testing.TB, _ string, scope flagcache.Scope) flagcache.Store { return open(t, path, scope) })
}
