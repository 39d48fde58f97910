//go:build unix

package processtest

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// story is what happens to a fleet on any store. empty kills the store's
// server and starts it again without its data.
func (f *fleet) story(t *testing.T, empty func()) {
	_, took := f.led(t, "the fleet starts", takeOver)
	t.Logf("%d processes serve %v after the last was started", fleetSize, took)
	f.checkRequests(t, "start", 1)
	f.idle(t)

	full := 1 + f.propagation(t, "at loopback's latency") // each edit is a full document
	f.checkRequests(t, "edits", full)

	who := f.leaderOf(t)
	who.kill()
	f.extra++
	next, took := f.led(t, "another leads after SIGKILL", takeOver)
	t.Logf("take-over %v after SIGKILL", took)
	f.serving(t, "after SIGKILL")
	f.checkRequests(t, "SIGKILL", full)

	next.freeze(t)
	f.extra++
	after, took := f.led(t, "another leads after SIGSTOP", takeOver)
	t.Logf("take-over %v after SIGSTOP", took)
	next.thaw(t)
	f.extra++
	f.await(t, "the thawed leader follows", takeOver, func(all map[*process]status) error {
		if s := all[next]; s.Role != "follower" || !all[after].Leader {
			return fmt.Errorf("the thawed one is %q, the leader after it %q", s.Role, all[after].Role)
		}
		return nil
	})
	f.checkRequests(t, "SIGCONT", full)

	f.proxy.Cut()
	empty()
	f.serving(t, "while the store is gone")
	f.proxy.Mend()
	f.extra++
	t.Logf("an empty store is filled again, and all follow it, after %v", f.refilled(t))
	f.led(t, "the fleet is back", takeOver)
	// Who leads then may lack the document's bytes, and ask for them.
	if got := f.up.Count(posthogtest.Full); got == full+1 {
		full = got
	}
	f.checkRequests(t, "empty store", full)

	f.proxy.Slow(10 * time.Millisecond) // each way
	full += f.propagation(t, "with 20 ms more for each round trip")
	f.checkRequests(t, "latency", full)
	f.proxy.Slow(0)

	f.leave(t)
	f.checkRequests(t, "end", full)
	t.Logf("%d requests upstream in %v, %d of them full; %d processes that poll would have made %d",
		len(f.up.Requests()), time.Since(f.began).Round(time.Second), f.up.Count(posthogtest.Full),
		fleetSize, fleetSize*int(time.Since(f.began)/interval))
}

func (f *fleet) leaderOf(t *testing.T) *process {
	t.Helper()
	who, _ := f.led(t, "somebody leads", takeOver)
	return who
}

// idle checks that nobody reads a document while none changes, and that the
// leader asks once an interval.
func (f *fleet) idle(t *testing.T) {
	t.Helper()
	const polls = 4
	before, err := f.statuses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	asked := len(f.up.Requests())
	took := f.await(t, "the leader polls", (polls+1)*longest, func(map[*process]status) error {
		if got := len(f.up.Requests()) - asked; got < polls {
			return fmt.Errorf("%d polls", got)
		}
		return nil
	})
	if least := (polls - 1) * interval; took < least {
		t.Errorf("%d polls in %v, want them at least %v apart", polls, took, interval)
	}
	if full := f.up.Count(posthogtest.Full); full != 1 {
		t.Errorf("%d full requests while nothing changes, want 1", full)
	}
	f.await(t, "the last confirmation reaches all", 2*time.Second, func(after map[*process]status) error {
		for p, s := range after {
			if s.Seq < before[p].Seq+polls-1 {
				return fmt.Errorf("%s is at seq %d after %d", p.name, s.Seq, before[p].Seq)
			}
			if was := before[p].Store; s.Store.Loads != was.Loads || s.Store.Applied != was.Applied {
				t.Fatalf("%s read %d documents and parsed %d while nothing changed", p.name, s.Store.Loads-was.Loads, s.Store.Applied-was.Applied)
			}
		}
		return nil
	})
}

// refilled waits until everybody serves an observation made after now: one that
// went through the empty store.
func (f *fleet) refilled(t *testing.T) time.Duration {
	t.Helper()
	before, err := f.statuses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f.await(t, "the store is filled again", takeOver+2*longest, func(after map[*process]status) error {
		for p, s := range after {
			if s.Epoch <= before[p].Epoch {
				return fmt.Errorf("%s is still at epoch %d", p.name, s.Epoch)
			}
		}
		return nil
	})
}

// leave stops all, the leader last, in order.
func (f *fleet) leave(t *testing.T) {
	t.Helper()
	last := f.leaderOf(t)
	for _, p := range f.live() {
		if p != last {
			if code := p.stop(t); code != 0 {
				t.Errorf("%s: exit code %d after SIGTERM, want 0", p.name, code)
			}
		}
	}
	if code := last.stop(t); code != 0 {
		t.Errorf("the leader: exit code %d after SIGTERM, want 0", code)
	}
}

func emptyTable(t *testing.T, url string) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(t.Context()) }()
	if _, err := db.Exec(t.Context(), "TRUNCATE hogflags_definitions CASCADE"); err != nil {
		t.Fatal(err)
	}
}

func revisionOf(body []byte) [sha256.Size]byte { return sha256.Sum256(body) }
