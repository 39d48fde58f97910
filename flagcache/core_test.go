package flagcache

import (
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"
)

func newTestCore(name string) *core {
	c := newCore(Scope{Project: "phc_core", Host: "h"}, name, 30*time.Second, false, rand.New(rand.NewPCG(1, 1)), slog.New(slog.DiscardHandler))
	c.start(simStart, nil)
	return c
}

// control lets the core take its next step on the lease, answered by l. A lost
// answer is one that the core never learns.
func control(t *testing.T, c *core, l *Ledger, now time.Time, lost bool) taskKind {
	t.Helper()
	tasks, _ := c.step(now)
	for _, task := range tasks {
		if task.lane != laneControl {
			continue
		}
		var err error
		switch task.kind {
		case taskAcquire:
			err = l.Acquire(now, task.bid, leaseTTL)
		case taskRenew:
			err = l.Renew(now, task.claim, leaseTTL)
		}
		r := result{task: task, record: l.Record(now), err: err}
		if lost {
			r = result{task: task, err: errNetwork}
		}
		c.handle(now, r)
		return task.kind
	}
	return taskNone
}

// TestLostGrantIsTakenOver: a bid that was granted, but not answered, is
// repeated under its token, so the process does not wait for itself.
func TestLostGrantIsTakenOver(t *testing.T) {
	c, l := newTestCore("a"), &Ledger{}
	now := simStart
	control(t, c, l, now, false) // looks
	if kind := control(t, c, l, now, true); kind != taskAcquire || l.Lease.Holder != "a" {
		t.Fatalf("the second step is %v, want a bid that is granted", kind)
	}
	lost := l.Lease.Epoch
	for range 4 {
		now = now.Add(time.Second)
		control(t, c, l, now, false)
	}
	if c.ten == nil || c.ten.claim.Epoch <= lost {
		t.Errorf("4 s after the lost grant of epoch %d it does not lead again: %+v", lost, c.ten)
	}
}

// TestCopiesOfAProcess: two copies of a process that has bid before, as of a
// restored snapshot, do not take the lease from each other.
func TestCopiesOfAProcess(t *testing.T) {
	c, l := newTestCore("a"), &Ledger{}
	now := simStart
	control(t, c, l, now, false)
	_ = l.Acquire(now, Bid{Token: "x", Holder: "x"}, leaseTTL) // it is free: cannot fail
	if kind := control(t, c, l, now, false); kind != taskAcquire || c.ten != nil {
		t.Fatalf("the second step is %v, want a bid that is refused", kind)
	}
	twin := *c
	now = now.Add(leaseTTL)
	for range 10 {
		control(t, c, l, now, false)
		control(t, &twin, l, now, false)
		now = now.Add(time.Second)
	}
	if (c.ten == nil) == (twin.ten == nil) {
		t.Errorf("leading: %v and %v, want one of them", c.ten != nil, twin.ten != nil)
	}
	if c.n.Tenures+twin.n.Tenures != 1 {
		t.Errorf("the lease was granted %d times, want once", c.n.Tenures+twin.n.Tenures)
	}
}

// TestHintDuringALook: a hint that comes while a look is under way is not lost
// with the look's answer, which may be from before the change.
func TestHintDuringALook(t *testing.T) {
	c, l := newTestCore("a"), &Ledger{}
	now := simStart
	_ = l.Acquire(now, Bid{Token: "x", Holder: "x"}, leaseTTL) // it is free: cannot fail
	tasks, _ := c.step(now)
	c.hint()
	now = now.Add(5 * time.Millisecond)
	c.handle(now, result{task: tasks[0], record: l.Record(now)})
	if _, wake := c.step(now); wake.Sub(now) > hintGap {
		t.Errorf("it looks again in %v, want at once", wake.Sub(now))
	}
}

func TestBackoff(t *testing.T) {
	for _, test := range []struct {
		first, most time.Duration
		failures    int
		want        time.Duration
	}{
		{time.Second, time.Minute, 1, time.Second},
		{time.Second, time.Minute, 3, 4 * time.Second},
		{time.Second, time.Minute, 1 << 40, time.Minute},
		{48 * time.Hour, 48 * time.Hour, 17, 48 * time.Hour}, // doubled so often it is more than a Duration holds
		{40 * 365 * 24 * time.Hour, 50 * 365 * 24 * time.Hour, 9, 50 * 365 * 24 * time.Hour},
	} {
		if got := backoff(test.first, test.most, test.failures); got != test.want {
			t.Errorf("%v up to %v after %d failures: %v, want %v", test.first, test.most, test.failures, got, test.want)
		}
	}
}
