package flagcache

import (
	"errors"
	"time"
)

// tenure is the time under one lease, from its grant until anything says that
// it ended. All its times are by this process's clock.
type tenure struct {
	claim     Claim
	from      Position  // of what was stored when it was granted
	seq       uint64    // of the last answer from upstream
	expires   time.Time // counted from before the grant was asked for
	nextRenew time.Time
	nextPoll  time.Time
	lastSent  time.Time // the last poll
	based     bool      // it is settled what the first request is conditional on
	baseTries int
	pending   *observation
	retryAt   time.Time // of pending
	unsaved   time.Time // since when upstream was asked and nothing acknowledged; zero: not so
}

// ends is when the holder stops by itself.
func (t *tenure) ends() time.Time { return t.expires.Add(-saveMargin) }

// nextControl looks, bids or renews.
func (c *core) nextControl(now time.Time) (task, time.Time) {
	if t := c.ten; t != nil {
		if now.Before(t.nextRenew) {
			return task{}, t.nextRenew
		}
		return task{kind: taskRenew, claim: t.claim}, never
	}
	if c.report == nil && !c.bidAt.IsZero() && !c.down() {
		if !now.Before(c.bidAt) {
			c.bidAt = time.Time{}
			return task{kind: taskAcquire, bid: c.newBid()}, never
		}
	}
	if !now.Before(c.nextLook) {
		return task{kind: taskLook}, never
	}
	if c.bidAt.IsZero() || c.report != nil {
		return task{}, c.nextLook
	}
	return task{}, earliest(c.nextLook, c.bidAt)
}

// newBid repeats a token only if its last bid went unanswered or its lease
// lapsed: the grant may be there, and is then ours to take over. A fresh token
// otherwise keeps two processes that started as copies of one apart.
func (c *core) newBid() Bid {
	if !c.unresolved || c.token == "" {
		c.token = c.newToken()
	}
	c.unresolved = true
	return Bid{Token: c.token, Holder: c.name, Seen: c.seen, Salt: c.rng.Uint32N(1 << 20)}
}

func (c *core) looked(now time.Time, r result) {
	if r.err != nil {
		c.stumble(now, r.err)
		return
	}
	c.scheduleLook(now)
	c.absorb(now, r)
}

func (c *core) bidden(now time.Time, r result) {
	switch {
	case r.err == nil:
		c.absorb(now, r)
		c.unresolved = false
		c.lead(now, r)
	case errors.Is(r.err, ErrHeld):
		c.unresolved = false
		c.scheduleLook(now)
		c.absorb(now, r)
	default:
		c.stumble(now, r.err)
	}
}

func (c *core) lead(now time.Time, r result) {
	c.bidAt, c.freeSince = time.Time{}, time.Time{}
	epoch := r.record.Lease.Epoch
	if epoch <= r.task.bid.Seen || epoch > MaxEpoch || epoch < c.seen {
		c.log.Error("the store granted a lease with an epoch that is out of order", "epoch", epoch, "seen", c.seen)
		return
	}
	h := r.record.Head
	t := &tenure{
		claim:     Claim{Token: r.task.bid.Token, Epoch: epoch},
		from:      h.Position,
		expires:   r.task.sent.Add(leaseTTL),
		nextRenew: c.heeding(r.task.sent.Add(c.jitter(renewEvery, 0.9, 1))),
		nextPoll:  now,
	}
	t.based = !h.Exists() || c.base != nil && (c.doc.direct || c.base.Revision == h.Revision)
	if h.Exists() {
		due := h.CheckedAt.Add(c.interval).Sub(c.storeNow(now))
		t.nextPoll = now.Add(clamp(due, 0, c.interval))
		c.served = h.CheckedAt
	}
	c.ten = t
	c.offline.lastLeader = false
	c.n.Tenures++
	c.log.Info("leading", "epoch", epoch, "entry", h.Position.String(), "poll_in", t.nextPoll.Sub(now))
	c.heedReload(now)
}

func (c *core) renewed(now time.Time, r result) {
	t := c.ten
	mine := t != nil && t.claim == r.task.claim
	switch {
	case r.err == nil:
		if mine {
			t.expires = r.task.sent.Add(leaseTTL)
			t.nextRenew = c.heeding(r.task.sent.Add(c.jitter(renewEvery, 0.9, 1)))
		}
		c.absorb(now, r)
	case errors.Is(r.err, ErrNotHeld):
		if mine {
			c.lose(now, "renewal refused")
		}
		c.absorb(now, r)
	default:
		if mine {
			t.nextRenew = now.Add(c.jitter(retryEvery, 0.5, 1))
		}
		c.stumble(now, r.err)
	}
}

// expire ends what ran out by this process's own clock.
func (c *core) expire(now time.Time) {
	t := c.ten
	if t == nil {
		return
	}
	if !now.Before(t.ends()) {
		c.ten, c.report = nil, nil
		c.unresolved = true
		c.n.Lapsed++
		c.nextLook = now
		c.offline.lastLeader, c.offline.next = true, t.nextPoll
		c.log.Warn("lease lapsed: the store did not answer in time", "epoch", t.claim.Epoch)
		return
	}
	if !t.unsaved.IsZero() && now.Sub(t.unsaved) > 3*c.interval {
		c.fail(now, t, &UpstreamError{Cause: CauseUnsaved, Err: errUnsaved})
	}
}

var errUnsaved = errors.New("nothing could be stored for three intervals")

// lose ends the tenure because the store said so.
func (c *core) lose(now time.Time, why string) {
	c.report = nil
	c.n.Lost++
	c.resign(now, why)
}

// resign ends the tenure; the lease is not this process's to take over again.
func (c *core) resign(now time.Time, why string) {
	c.log.Info("no longer leading", "epoch", c.ten.claim.Epoch, "why", why)
	c.ten = nil
	c.token, c.unresolved = "", false
	c.offline.lastLeader = false
	c.nextLook = now
}

// stumble notes a store operation that told nothing.
func (c *core) stumble(now time.Time, err error) {
	c.n.StoreErrors++
	if c.storeErrs == 0 {
		c.downSince = now
		c.log.Warn("store does not answer", "error", err)
	}
	c.storeErrs++
	c.storeErr = err
	c.bidAt = time.Time{}
	c.nextLook = now.Add(c.jitter(retryEvery, 0.5, 1.5))
}

func (c *core) scheduleLook(now time.Time) {
	if c.readOnly {
		c.nextLook = c.heeding(now.Add(c.jitter(c.interval, 0.9, 1)))
		return
	}
	c.nextLook = c.heeding(now.Add(c.jitter(tryEvery, 0.8, 1)))
}

// leave says what is to be released when the process stops. A bid that was not
// answered may have been granted: then its token is all that is known.
func (c *core) leave() (Claim, bool) {
	switch {
	case c.ten != nil:
		return c.ten.claim, true
	case c.report != nil:
		return c.report.claim, c.report.release
	case c.unresolved:
		return Claim{Token: c.token}, true
	}
	return Claim{}, false
}
