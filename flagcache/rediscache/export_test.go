//go:build unix

package rediscache

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
)

// OnTestClock is a store whose script reads the time from a key, and everything
// else as always.
func OnTestClock(t testing.TB, client redis.UniversalClient, scope flagcache.Scope) cachetest.Replayable {
	s, err := New(client, scope)
	if err != nil {
		t.Fatal(err)
	}
	clock := s.keys[1] + ":clock"
	const call = "redis.call('TIME')"
	if strings.Count(stepsSource+nativeSource, call) != 1 {
		t.Fatal("the script does not take the time exactly once")
	}
	s.script = redis.NewScript(strings.Replace(stepsSource+nativeSource, call, "{0, redis.call('GET', '"+clock+"')}", 1))
	return cachetest.Replayable{
		Store: s,
		SetNow: func(t testing.TB, now time.Time) {
			if err := client.Set(t.Context(), clock, now.UnixMicro(), 0).Err(); err != nil {
				t.Fatal(err)
			}
		},
		Restore: func(t testing.TB, l flagcache.Ledger) { restore(t, s, l) },
	}
}

func restore(t testing.TB, s *Store, l flagcache.Ledger) {
	t.Helper()
	pipe := s.client.TxPipeline()
	pipe.Del(t.Context(), s.allKeys()...)
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	pipe.HSet(t.Context(), s.keys[1], "token", l.Token, "epoch", number(l.Lease.Epoch), "expires", micros(l.Lease.Expires))
	if f := l.Failure; f.Exists() {
		pipe.HSet(t.Context(), s.keys[1], "failure_epoch", number(f.Epoch), "failure_seq", number(f.Seq),
			"failure_cause", string(f.Cause), "failure_count", f.Count, "failure_not_before", micros(f.NotBefore))
	}
	if e := l.Entry; e != nil {
		args := observation(flagcache.Claim{}, e.Head)
		pipe.HSet(t.Context(), s.keys[0], "epoch", number(e.Epoch), "seq", number(e.Seq), "revision", args[4],
			"etag", e.ETag, "fetched", micros(e.FetchedAt), "checked", micros(e.CheckedAt),
			"schema", e.Schema, "project", e.Project, "host", e.Host, "body", e.Body)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}
