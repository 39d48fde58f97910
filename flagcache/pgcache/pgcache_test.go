//go:build unix

package pgcache_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
	"github.com/hogflags/hogflags/flagcache/pgcache"
	"github.com/hogflags/hogflags/internal/testservers"
)

func connect(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func newPool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool := connect(t, url)
	if err := pgcache.CreateTable(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	return pool
}

func backend(pool *pgxpool.Pool) cachetest.Backend {
	exec := func(t testing.TB, sql string, scope flagcache.Scope) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql, scope.Key()); err != nil {
			t.Fatal(err)
		}
	}
	return cachetest.Backend{
		Open: func(t testing.TB, scope flagcache.Scope) flagcache.Store {
			s, err := pgcache.New(pool, scope)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Wipe: func(t testing.TB, scope flagcache.Scope) {
			exec(t, `DELETE FROM hogflags_definitions WHERE scope = $1`, scope)
		},
		Evict: func(t testing.TB, scope flagcache.Scope) {
			exec(t, `UPDATE hogflags_definitions SET epoch = 0, seq = 0, revision = NULL, body = NULL WHERE scope = $1`, scope)
		},
	}
}

func TestSuite(t *testing.T) {
	server := testservers.StartPostgres(t)
	cachetest.Run(t, backend(newPool(t, server.URL)))
}

// TestSuiteBehindPooler runs without prepared statements, as a pooler in
// transaction mode may want it.
func TestSuiteBehindPooler(t *testing.T) {
	server := testservers.StartPostgres(t)
	for _, mode := range []string{"exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			cachetest.Run(t, backend(newPool(t, server.URL+"&default_query_exec_mode="+mode)))
		})
	}
}

func TestReplay(t *testing.T) {
	pool := newPool(t, testservers.StartPostgres(t).URL)
	cachetest.Replay(t, func(t testing.TB, scope flagcache.Scope) cachetest.Replayable {
		return pgcache.OnTestClock(t, pool, scope)
	})
}

func openAt(t testing.TB, addr string, scope flagcache.Scope) flagcache.Store {
	return backend(connect(t, "postgres://postgres@"+addr+"/postgres?sslmode=disable")).Open(t, scope)
}

// start starts a server with the table and returns its address.
func start(t testing.TB) string {
	server := testservers.StartPostgres(t)
	newPool(t, server.URL)
	return server.Addr
}

func TestNetwork(t *testing.T) { cachetest.RunNetwork(t, start(t), openAt) }

func Benchmark(b *testing.B) { cachetest.Bench(b, start(b), openAt) }
