package cachetest

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// traces are what simulated fleets did to the reference store under faults, one
// step a line. The simulation of package flagcache writes them.
//
//go:embed testdata/*.jsonl
var traces embed.FS

// Replayable is a store whose clock and content the test sets.
type Replayable struct {
	Store   flagcache.Store
	SetNow  func(t testing.TB, now time.Time)
	Restore func(t testing.TB, state flagcache.Ledger) // replaces everything stored
}

// Replay takes every step of the recorded fleets on stores that open makes, and
// wants the answers of the reference. Then it sets the clock back.
func Replay(t *testing.T, open func(t testing.TB, scope flagcache.Scope) Replayable) {
	t.Run("ClockSetBack", func(t *testing.T) { testClockSetBack(t, open(t, scope())) })
	files, err := traces.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		t.Run(f.Name(), func(t *testing.T) {
			file, err := traces.Open("testdata/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			sc := flagcache.Scope{Project: "phc_" + random(), Host: "sim"}
			r := open(t, sc)
			lines := bufio.NewScanner(file)
			n := 0
			for lines.Scan() {
				n++
				var s traceStep
				if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
					t.Fatalf("line %d: %v", n, err)
				}
				if !s.replay(t, n, r) {
					return
				}
			}
			if n == 0 || lines.Err() != nil {
				t.Fatalf("read %d steps: %v", n, lines.Err())
			}
		})
	}
}

// traceStep is one line: the time in microseconds, the operation, what it was
// given, and how the reference answered.
type traceStep struct {
	Now     int64            `json:"now"`
	Op      string           `json:"op"`
	Bid     *flagcache.Bid   `json:"bid,omitempty"`
	Claim   *flagcache.Claim `json:"claim,omitempty"`
	At      *traceEntry      `json:"at,omitempty"`    // save, confirm, fail
	State   *traceState      `json:"state,omitempty"` // restore
	Answer  string           `json:"answer,omitempty"`
	Epoch   uint64           `json:"epoch,omitempty"`   // of the lease, afterwards
	Expires int64            `json:"expires,omitempty"` // the lease, in microseconds
	Head    [2]uint64        `json:"head"`              // position stored afterwards
	Failed  [2]uint64        `json:"failed"`            // position of the failure
}

type traceEntry struct {
	Epoch   uint64 `json:"epoch"`
	Seq     uint64 `json:"seq"`
	Body    string `json:"body,omitempty"`
	Checked int64  `json:"checked,omitempty"`
	Until   int64  `json:"until,omitempty"`
}

type traceState struct {
	Token   string      `json:"token"`
	Epoch   uint64      `json:"epoch"`
	Expires int64       `json:"expires"`
	Entry   *traceEntry `json:"entry,omitempty"`
	Failure *traceEntry `json:"failure,omitempty"`
}

const traceTTL = 12 * time.Second

func (s traceStep) replay(t *testing.T, line int, r Replayable) bool {
	t.Helper()
	now := time.UnixMicro(s.Now).UTC()
	r.SetNow(t, now)
	if s.Op == "restore" {
		r.Restore(t, s.State.ledger(r.Store.Scope()))
		return true
	}
	rec, err := s.take(t.Context(), r.Store)
	if err != nil && !answered(err) {
		t.Fatalf("line %d: %s: %v", line, s.Op, err)
	}
	got := ""
	if err != nil {
		got = answer(err).Error()
	}
	head, failed := rec.Head.Position, rec.Failure.Position
	if got != s.Answer || rec.Lease.Epoch != s.Epoch || micros(rec.Lease.Expires) != s.Expires ||
		[2]uint64{head.Epoch, head.Seq} != s.Head || [2]uint64{failed.Epoch, failed.Seq} != s.Failed || !rec.Now.Equal(now) {
		t.Errorf("line %d: %s: got %q %+v, want %+v", line, s.Op, got, rec, s)
		return false
	}
	return true
}

func (s traceStep) take(ctx context.Context, store flagcache.Store) (flagcache.Record, error) {
	switch s.Op {
	case "acquire":
		return store.Acquire(ctx, *s.Bid, traceTTL)
	case "renew":
		return store.Renew(ctx, *s.Claim, traceTTL)
	case "release":
		return store.Release(ctx, *s.Claim)
	case "save":
		return store.Save(ctx, *s.Claim, s.At.entry(store.Scope()))
	case "confirm":
		return store.Confirm(ctx, *s.Claim, s.At.entry(store.Scope()).Head)
	case "reload":
		return store.RequestReload(ctx)
	case "fail":
		return store.Fail(ctx, *s.Claim, s.At.failure())
	}
	return flagcache.Record{}, errors.New("unknown operation")
}

func (e *traceEntry) entry(scope flagcache.Scope) *flagcache.Entry {
	made := flagcache.NewEntry(scope, []byte(e.Body), "")
	made.Position = flagcache.Position{Epoch: e.Epoch, Seq: e.Seq}
	made.CheckedAt = unmicro(e.Checked)
	return made
}

func (e *traceEntry) failure() flagcache.Failure {
	return flagcache.Failure{
		Position:  flagcache.Position{Epoch: e.Epoch, Seq: e.Seq},
		Cause:     flagcache.CauseUpstream,
		Count:     1,
		NotBefore: unmicro(e.Until),
	}
}

func (s *traceState) ledger(scope flagcache.Scope) flagcache.Ledger {
	l := flagcache.Ledger{
		Token: s.Token,
		Lease: flagcache.Lease{Epoch: s.Epoch, Expires: unmicro(s.Expires)},
	}
	if s.Entry != nil {
		l.Entry = s.Entry.entry(scope)
	}
	if s.Failure != nil {
		l.Failure = s.Failure.failure()
	}
	return l
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func unmicro(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
