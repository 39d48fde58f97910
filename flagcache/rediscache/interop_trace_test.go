//go:build unix

package rediscache

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
	"github.com/hogflags/hogflags/internal/testservers"
)

// foreignTrace is one step of a simulated fleet on keys that it shares with other
// SDKs. The simulation of package flagcache writes them.
type foreignTrace struct {
	Now     int64            `json:"now"`
	Op      string           `json:"op"`
	Text    string           `json:"text"` // what another SDK sets
	Bid     *flagcache.Bid   `json:"bid"`
	Claim   *flagcache.Claim `json:"claim"`
	At      traceEntry       `json:"at"`
	State   *traceState      `json:"state"`
	Answer  string           `json:"answer"`
	Epoch   uint64           `json:"epoch"`   // of the lease, afterwards
	Expires int64            `json:"expires"` // zero: released, or another SDK's lock
	Head    [2]uint64        `json:"head"`
	Failed  [2]uint64        `json:"failed"`
}

type traceEntry struct {
	Epoch   uint64 `json:"epoch"`
	Seq     uint64 `json:"seq"`
	Body    string `json:"body"`
	Checked int64  `json:"checked"`
	Until   int64  `json:"until"`
}

type traceState struct {
	Token   string      `json:"token"`
	Epoch   uint64      `json:"epoch"`
	Expires int64       `json:"expires"`
	Entry   *traceEntry `json:"entry"`
	Failure *traceEntry `json:"failure"`
}

// TestReplayWithOtherSDKs takes every step of the recorded fleets on the real
// script, and every write of the other SDKs in between.
func TestReplayWithOtherSDKs(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: testservers.StartRedis(t).Addr})
	t.Cleanup(func() { _ = client.Close() })
	files, err := filepath.Glob("testdata/interop*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("traces: %v, %v", files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			r := replay{Replayable: InteropOnTestClock(t, client, flagcache.Scope{Project: "phc_" + name, Host: "sim"})}
			r.s = r.Store.(*Interop)
			lines := bufio.NewScanner(file)
			for n := 1; lines.Scan(); n++ {
				var step foreignTrace
				if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
					t.Fatalf("line %d: %v", n, err)
				}
				if !r.take(t, n, step) {
					return
				}
			}
			if lines.Err() != nil {
				t.Fatal(lines.Err())
			}
		})
	}
}

type replay struct {
	cachetest.Replayable
	s       *Interop
	expires int64 // of hogflags's lock, by the trace
}

func (r *replay) take(t *testing.T, n int, step foreignTrace) bool {
	t.Helper()
	ctx := t.Context()
	document, lock := r.s.keys[0], r.s.keys[1]
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("line %d: %s: %v", n, step.Op, err)
		}
	}
	if step.Op != "restore" {
		r.SetNow(t, instant(step.Now))
		// The server's clock is not the test's: what has expired by that one goes.
		if held, err := r.s.client.Get(ctx, lock).Result(); err == nil && strings.HasPrefix(held, "hogflags:") && r.expires <= step.Now {
			must(r.s.client.Del(ctx, lock).Err())
		}
	}
	switch step.Op {
	case "restore":
		r.Restore(t, step.State.ledger(r.s.scope))
		r.expires = step.State.Expires
		return true
	case "lock":
		must(r.s.client.Set(ctx, lock, step.Text, 0).Err())
		return true
	case "unlock":
		must(r.s.client.Del(ctx, lock).Err())
		return true
	case "set":
		must(r.s.client.Set(ctx, document, step.Text, 0).Err())
		return true
	}
	rec, err := r.store(ctx, step)
	answer := ""
	if err != nil {
		answer = err.Error()
		for _, known := range []error{flagcache.ErrHeld, flagcache.ErrNotHeld, flagcache.ErrStale, flagcache.ErrBodyNeeded, flagcache.ErrNotFound} {
			if errors.Is(err, known) {
				answer = known.Error()
			}
		}
	}
	head, failed := rec.Head.Position, rec.Failure.Position
	expires := micros(rec.Lease.Expires)
	if rec.Lease.Holder == "another SDK" {
		expires = 0
	}
	r.expires = expires
	if answer != step.Answer || rec.Lease.Epoch != step.Epoch || expires != step.Expires ||
		[2]uint64{head.Epoch, head.Seq} != step.Head || [2]uint64{failed.Epoch, failed.Seq} != step.Failed {
		t.Errorf("line %d: got %q %+v, want %+v", n, answer, rec, step)
		return false
	}
	return true
}

func (r *replay) store(ctx context.Context, step foreignTrace) (flagcache.Record, error) {
	const ttl = 12 * time.Second
	e := step.At.entry(r.s.scope)
	switch step.Op {
	case "look":
		return r.s.Record(ctx)
	case "acquire":
		return r.s.Acquire(ctx, *step.Bid, ttl)
	case "renew":
		return r.s.Renew(ctx, *step.Claim, ttl)
	case "release":
		return r.s.Release(ctx, *step.Claim)
	case "save":
		return r.s.Save(ctx, *step.Claim, e)
	case "confirm":
		return r.s.Confirm(ctx, *step.Claim, e.Head)
	case "fail":
		return r.s.Fail(ctx, *step.Claim, step.At.failure())
	}
	return flagcache.Record{}, errors.New("unknown operation")
}

func (e traceEntry) entry(scope flagcache.Scope) *flagcache.Entry {
	made := flagcache.NewEntry(scope, []byte(e.Body), "")
	made.Position = flagcache.Position{Epoch: e.Epoch, Seq: e.Seq}
	made.CheckedAt = instant(e.Checked)
	return made
}

func (e traceEntry) failure() flagcache.Failure {
	return flagcache.Failure{
		Position:  flagcache.Position{Epoch: e.Epoch, Seq: e.Seq},
		Cause:     flagcache.CauseUpstream,
		Count:     1,
		NotBefore: instant(e.Until),
	}
}

func (s *traceState) ledger(scope flagcache.Scope) flagcache.Ledger {
	l := flagcache.Ledger{Token: s.Token, Lease: flagcache.Lease{Epoch: s.Epoch, Expires: instant(s.Expires)}}
	if s.Entry != nil {
		l.Entry = s.Entry.entry(scope)
	}
	if s.Failure != nil {
		l.Failure = s.Failure.failure()
	}
	return l
}
