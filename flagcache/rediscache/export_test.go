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
	return onTestClock(t, s, &s.layout, stepsSource+nativeSource, func(t testing.TB, l flagcache.Ledger) { restore(t, s, l) })
}

// InteropOnTestClock is the same in the other layout.
func InteropOnTestClock(t testing.TB, client redis.UniversalClient, scope flagcache.Scope) cachetest.Replayable {
	s, err := NewInterop(client, scope, scope.Key())
	if err != nil {
		t.Fatal(err)
	}
	return onTestClock(t, s, &s.layout, stepsSource+interopSource, func(t testing.TB, l flagcache.Ledger) { restoreInterop(t, s, l) })
}

func onTestClock(t testing.TB, s flagcache.Store, l *layout, source string, restore func(testing.TB, flagcache.Ledger)) cachetest.Replayable {
	clock := l.keys[1] + ":clock"
	const call = "redis.call('TIME')"
	if strings.Count(source, call) != 1 {
		t.Fatal("the script does not take the time exactly once")
	}
	l.script = redis.NewScript(strings.Replace(source, call, "{0, redis.call('GET', '"+clock+"')}", 1))
	return cachetest.Replayable{
		Store: s,
		SetNow: func(t testing.TB, now time.Time) {
			if err := l.client.Set(t.Context(), clock, now.UnixMicro(), 0).Err(); err != nil {
				t.Fatal(err)
			}
		},
		Restore: restore,
	}
}

func restoreInterop(t testing.TB, s *Interop, l flagcache.Ledger) {
	t.Helper()
	pipe := s.client.TxPipeline()
	pipe.Del(t.Context(), s.keys...)
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	pipe.HSet(t.Context(), s.keys[2], "token", l.Token, "epoch", number(l.Lease.Epoch), "expires", micros(l.Lease.Expires))
	if l.Token != "" {
		pipe.Set(t.Context(), s.keys[1], "hogflags:"+number(l.Lease.Epoch)+":"+l.Token, time.Minute)
	}
	if f := l.Failure; f.Exists() {
		pipe.HSet(t.Context(), s.keys[2], "failure_epoch", number(f.Epoch), "failure_seq", number(f.Seq),
			"failure_cause", string(f.Cause), "failure_count", f.Count, "failure_not_before", micros(f.NotBefore))
	}
	if e := l.Entry; e != nil {
		value, err := splice(e)
		if err != nil {
			t.Fatal(err)
		}
		pipe.Set(t.Context(), s.keys[0], value, 0)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
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
