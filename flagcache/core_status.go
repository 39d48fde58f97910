package flagcache

import (
	"cmp"
	"fmt"
	"time"
)

// status is what the core shows of itself.
func (c *core) status(now time.Time) Status {
	s := Status{
		Role:     c.role(),
		StoreErr: cmp.Or(c.storeErr, c.dataErr, c.distrust, c.pin.refused),
		Counters: c.n,
	}
	if c.view.Live() && now.Sub(c.viewAt) < leaseTTL {
		s.Leader = c.view.Lease.Holder
	}
	if e := c.shown; e != nil {
		s.Loaded = true
		s.Revision, s.ETag = e.Revision, e.ETag
	}
	if e := c.doc.entry; e != nil {
		s.Position, s.Latest, s.ConfirmedAt = e.Position, e.Revision, c.doc.confirmed
		if c.shows(e.Head) {
			s.ETag = e.ETag
		}
	}
	if c.pinned() && !c.awaitsPin() {
		s.Pin = c.pin.heeded
	}
	if c.caughtUp() {
		s.Epoch = c.ten.claim.Epoch
	}
	switch {
	case c.own.exists():
		s.Failure = c.own.cause
	case c.shared.Exists():
		s.Failure = c.shared.Cause
	case c.unfed(now):
		s.Failure = CauseUnfed
	}
	if s.Failure != "" {
		s.NotBefore = c.notBefore()
	}
	return s
}

// denies says why a reload is not going to be served: upstream is to be left
// alone, or the store is out of reach. A follower counts only failures that the
// store did not know when it was asked.
func (c *core) denies(now time.Time, q *reloading) error {
	switch {
	case c.down() && !c.offline.lastLeader:
		return fmt.Errorf("reload: the store is out of reach: %w", c.storeErr)
	case c.readOnly:
		return nil
	}
	told := !q.record.Reload.IsZero()
	own := c.own.exists() && (!told || c.own.since.After(q.asked))
	shared := c.shared.Exists() && (!told || c.shared.After(q.record.Failure.Position) && c.shared.After(q.record.Head.Position))
	until := c.notBefore()
	switch {
	case !until.After(now):
		return nil
	case own:
		return reloadError(c.own.cause, until)
	case shared:
		return reloadError(c.shared.Cause, until)
	}
	return nil
}

// unfed reports whether a reader serves what nobody keeps up to date any more.
// Anybody else would take the lease and ask upstream.
func (c *core) unfed(now time.Time) bool {
	confirmed := c.doc.confirmed
	return c.readOnly && c.viewed && !c.view.Live() && c.doc.entry != nil && c.doc.entry.Epoch != 0 &&
		!confirmed.IsZero() && now.Sub(confirmed) > offlineWait*c.interval
}

// caughtUp reports whether this process leads, and serves what is stored, so that
// the next leader has it, and is no older than what the leaders before it left.
// Where they left nothing to trust, as in a store that was wiped, that is what it
// has fetched since.
func (c *core) caughtUp() bool {
	e, t := c.doc.entry, c.ten
	switch {
	case t == nil || e == nil || e.Epoch == 0 || e.After(c.top) || c.behind() || c.awaitsPin():
		return false
	case t.from == Position{}:
		return e.Epoch == t.claim.Epoch
	}
	return !t.from.After(e.Position)
}

func (c *core) role() Role {
	switch {
	case c.ten != nil:
		return RoleLeader
	case c.down():
		return RoleCutOff
	case c.readOnly:
		return RoleReader
	case !c.viewed:
		return RoleStarting
	}
	return RoleFollower
}

// answers reports whether a reload has been served.
func (c *core) answers(q *reloading) bool {
	if c.incoming != nil || c.busy[laneApply] || c.want || c.awaitsPin() {
		return false
	}
	switch {
	case c.readOnly:
		return c.viewOf > q.behind // the answer to an earlier look may be from before
	case !c.settled.Before(q.asked):
		return true
	}
	e, stored := c.doc.entry, q.record.Reload
	return !stored.IsZero() && e != nil && e.Epoch != 0 && !e.CheckedAt.Before(stored)
}
