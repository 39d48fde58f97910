//go:build unix

package pgcache

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
)

// OnTestClock is a store whose statements read the time from a table, and
// everything else as always.
func OnTestClock(t testing.TB, pool *pgxpool.Pool, scope flagcache.Scope) cachetest.Replayable {
	s, err := New(pool, scope)
	if err != nil {
		t.Fatal(err)
	}
	exec := func(t testing.TB, sql string, args ...any) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, `CREATE TABLE IF NOT EXISTS hogflags_test_clock (scope text PRIMARY KEY, now timestamptz NOT NULL)`)
	s.sql = newStatements(`(SELECT now FROM hogflags_test_clock WHERE scope = $1)`)
	return cachetest.Replayable{
		Store: s,
		SetNow: func(t testing.TB, now time.Time) {
			exec(t, `INSERT INTO hogflags_test_clock VALUES ($1, $2) ON CONFLICT (scope) DO UPDATE SET now = excluded.now`, s.key, now)
		},
		Restore: func(t testing.TB, l flagcache.Ledger) {
			exec(t, `DELETE FROM hogflags_definitions WHERE scope = $1`, s.key)
			exec(t, `INSERT INTO hogflags_definitions (scope, token, lease_epoch, lease_expires, failure_epoch, failure_seq, failure_not_before)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`, s.key, l.Token, int64(l.Lease.Epoch), orNull(l.Lease.Expires),
				int64(l.Failure.Epoch), int64(l.Failure.Seq), orNull(l.Failure.NotBefore))
			if e := l.Entry; e != nil {
				exec(t, `UPDATE hogflags_definitions SET epoch = $2, seq = $3, revision = $4, checked = $5, body = $6 WHERE scope = $1`,
					s.key, int64(e.Epoch), int64(e.Seq), e.Revision[:], orNull(e.CheckedAt), e.Body)
			}
		},
	}
}
