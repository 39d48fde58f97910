package flagcache

import (
	"errors"
	"time"
)

const (
	localBackoff = 5 * time.Second // first wait after a cause that may be local: the next holder tries soon
	maxBackoff   = 5 * time.Minute // of doubling waits, or the interval if that is longer
	maxNotBefore = time.Hour       // whatever Retry-After and clocks say
)

// failure is this process's own last failure. The zero value is none.
type failure struct {
	at    Position // a success after it forgives it
	since time.Time
	until time.Time
	count int
	cause Cause
}

func (f failure) exists() bool { return f.count > 0 }

// report is a failure on its way to the store.
type report struct {
	claim   Claim
	failure Failure
	release bool
	retryAt time.Time
	tries   int
}

// fail takes a request that failed under the lease. A cause that may be this
// process's own passes the lease on; upstream's own would meet everybody.
func (c *core) fail(now time.Time, t *tenure, err error) {
	cause, after := causeOf(err)
	t.seq++
	t.unsaved = time.Time{}
	at := Position{Epoch: t.claim.Epoch, Seq: t.seq}
	wait := c.noteFailure(now, at, cause, after)
	c.log.Warn("upstream could not be read", "cause", cause, "wait", wait, "error", err)
	c.report = &report{
		claim: t.claim,
		failure: Failure{
			Position:  at,
			Cause:     cause,
			Count:     c.own.count,
			NotBefore: c.storeNow(now).Add(wait),
		},
		release: cause.Local(),
		retryAt: now,
	}
	if !cause.Local() {
		t.nextPoll = c.own.until
		return
	}
	c.resign(now, "passing it on: "+string(cause))
}

// backoff is first, doubled with every failure but the first, up to most.
func backoff(first, most time.Duration, failures int) time.Duration {
	wait := first
	for ; failures > 1 && wait < most; failures-- {
		wait *= 2
	}
	return min(wait, most)
}

// noteFailure remembers the failure and says how long to wait.
func (c *core) noteFailure(now time.Time, at Position, cause Cause, after time.Duration) time.Duration {
	count := max(c.own.count, c.shared.Count) + 1
	first := c.interval
	if cause.Local() && at.Epoch != 0 {
		first = min(localBackoff, c.interval)
	}
	most := max(maxBackoff, c.interval)
	if cause == CauseUnauthorized {
		most = c.interval // it ends as soon as a new key is given
	}
	wait := min(c.jitter(max(backoff(first, most, count), after), 1, 1.1), maxNotBefore)
	c.own = failure{at: at, since: now, until: now.Add(wait), count: count, cause: cause}
	return wait
}

// reported takes what came of recording a failure.
func (c *core) reported(now time.Time, r result) {
	mine := c.report != nil && c.report.failure.Position == r.task.failure.Position
	switch {
	case r.err == nil, errors.Is(r.err, ErrStale), errors.Is(r.err, ErrNotHeld):
		if mine {
			c.report = nil
		}
		if errors.Is(r.err, ErrNotHeld) {
			c.n.Refused++
			if c.ten != nil && c.ten.claim == r.task.claim {
				c.lose(now, "report refused")
			}
		}
		c.absorb(now, r)
	default:
		c.n.StoreErrors++
		if !mine {
			return
		}
		c.report.tries++
		c.report.retryAt = now.Add(c.jitter(retryEvery, 0.25, 1))
		if c.report.tries >= 3 {
			c.report = nil // the lease ends by itself
		}
	}
}

// heedFailure takes the fleet's failure record: its wait is counted from when
// it was first seen, so that no clock can stretch it.
func (c *core) heedFailure(now time.Time, rec Record) {
	if c.own.exists() && c.top.After(c.own.at) {
		c.own = failure{}
	}
	f := rec.Failure
	if !f.Exists() || !f.After(c.top) {
		c.shared, c.sharedTill = Failure{}, time.Time{}
		return
	}
	if f.Position == c.shared.Position {
		return
	}
	c.shared = f
	c.sharedTill = now.Add(clamp(f.NotBefore.Sub(rec.Now), 0, maxNotBefore))
}
