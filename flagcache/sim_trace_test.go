package flagcache

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var updateTraces = flag.Bool("update", false, "write the traces that the stores replay")

// TestTracesAreCurrent holds the recorded traces, which real stores replay in
// their own tests, to what the simulation does.
func TestTracesAreCurrent(t *testing.T) {
	for _, seed := range []uint64{1, 9, 15, 23} { // of three processes each
		s := simulateTraced(seed)
		if s.check.err != nil {
			t.Fatalf("seed %d: %v", seed, s.check.err)
		}
		var got bytes.Buffer
		enc := json.NewEncoder(&got)
		for _, a := range s.store.log {
			if err := enc.Encode(a.line()); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join("cachetest", "testdata", fmt.Sprintf("seed%d.jsonl", seed))
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
			t.Errorf("%s is not what the simulation does: run this test with -update, then the stores' tests", path)
		}
	}
}

func simulateTraced(seed uint64) *sim {
	return simulateWith(seed, func(s *sim) { s.store.keep = true })
}

type line map[string]any

// line is the step as cachetest reads it.
func (a applied) line() line {
	l := line{"now": a.Now.UnixMicro(), "op": a.Op}
	if a.Op == "restore" {
		st := line{"token": a.State.Token, "epoch": a.State.Lease.Epoch, "expires": simMicros(a.State.Lease.Expires)}
		if a.State.Entry != nil {
			st["entry"] = entryLine(a.State.Entry)
		}
		if f := a.State.Failure; f.Exists() {
			st["failure"] = failureLine(f)
		}
		l["state"] = st
		return l
	}
	switch a.Op {
	case "acquire":
		l["bid"] = a.Task.bid
	case "save", "confirm":
		l["at"] = entryLine(a.Task.entry)
	case "fail":
		l["at"] = failureLine(a.Task.failure)
	}
	if a.Op != "acquire" && a.Op != "reload" {
		l["claim"] = a.Task.claim
	}
	if a.Err != nil {
		l["answer"] = a.Err.Error()
	}
	l["epoch"], l["expires"] = a.Record.Lease.Epoch, simMicros(a.Record.Lease.Expires)
	l["head"] = [2]uint64{a.Record.Head.Epoch, a.Record.Head.Seq}
	l["failed"] = [2]uint64{a.Record.Failure.Epoch, a.Record.Failure.Seq}
	return l
}

func entryLine(e *Entry) line {
	return line{"epoch": e.Epoch, "seq": e.Seq, "body": string(e.Body), "checked": simMicros(e.CheckedAt)}
}

func failureLine(f Failure) line {
	return line{"epoch": f.Epoch, "seq": f.Seq, "until": simMicros(f.NotBefore)}
}

func simMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
