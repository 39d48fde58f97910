package flagcache

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// interopStep is one step on the keys that other SDKs share, as the test of the
// real script replays it.
type interopStep struct {
	Now     int64     `json:"now"`
	Op      string    `json:"op"`             // of a store, or lock, unlock and set by another SDK
	Text    string    `json:"text,omitempty"` // what it sets
	Bid     *Bid      `json:"bid,omitempty"`
	Claim   *Claim    `json:"claim,omitempty"`
	Entry   line      `json:"at,omitempty"`
	State   any       `json:"state,omitempty"` // of a restore
	Answer  string    `json:"answer,omitempty"`
	Epoch   uint64    `json:"epoch"`
	Expires int64     `json:"expires"` // zero while another SDK holds the lock
	Head    [2]uint64 `json:"head"`
	Failed  [2]uint64 `json:"failed"`
}

// note keeps a step of a store's for the trace.
func (i *simInterop) note(now time.Time, t task, r result) {
	reads := t.kind == taskLook || t.kind == taskLoad
	if !i.keep || reads && !i.numbered {
		return
	}
	step := interopStep{Now: now.UnixMicro(), Op: t.kind.String()}
	switch t.kind {
	case taskLook, taskLoad:
		step.Op = "look" // either numbers a document
	case taskAcquire:
		bid := t.bid
		step.Bid = &bid
	case taskSave, taskConfirm:
		step.Entry = entryLine(t.entry)
	case taskFail:
		step.Entry = failureLine(t.failure)
	}
	if t.kind != taskAcquire && !reads {
		claim := t.claim
		step.Claim = &claim
	}
	i.noteStep(step, r)
}

func (i *simInterop) noteStep(step interopStep, r result) {
	if !i.keep {
		return
	}
	if r.err != nil {
		step.Answer = r.err.Error()
	}
	rec := r.record
	step.Epoch = rec.Lease.Epoch
	if rec.Lease.Holder != "another SDK" {
		step.Expires = simMicros(rec.Lease.Expires)
	}
	step.Head = [2]uint64{rec.Head.Epoch, rec.Head.Seq}
	step.Failed = [2]uint64{rec.Failure.Epoch, rec.Failure.Seq}
	i.log = append(i.log, step)
}

// TestInteropTracesAreCurrent is TestTracesAreCurrent for the shared layout: the
// traces are replayed on the script in rediscache.
func TestInteropTracesAreCurrent(t *testing.T) {
	for _, seed := range []uint64{2, 8, 9, 16, 22} {
		s := simulateWith(seed, func(s *sim) {
			withForeigners(s)
			s.store.interop.keep = true
		})
		if s.check.err != nil {
			t.Fatalf("seed %d: %v", seed, s.check.err)
		}
		var got bytes.Buffer
		enc := json.NewEncoder(&got)
		for _, step := range s.store.interop.log {
			if err := enc.Encode(step); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join("rediscache", "testdata", fmt.Sprintf("interop%d.jsonl", seed))
		if *updateTraces {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s is not what the simulation does: run this test with -update, then that of rediscache", path)
		}
	}
}
