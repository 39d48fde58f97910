package flagcache

import (
	"errors"
	"time"
)

// absorb takes what the store holds, as an answer to any operation shows it.
func (c *core) absorb(now time.Time, r result) {
	rec := r.record
	if c.storeErrs > 0 {
		c.log.Info("store answers again")
	}
	c.storeErrs, c.storeErr = 0, nil
	c.setClock(now, rec.Now)
	c.view, c.viewAt, c.viewed = rec, now, true
	c.viewOf = max(c.viewOf, r.task.number)
	for _, e := range [...]uint64{rec.Lease.Epoch, rec.Head.Epoch} {
		if e <= MaxEpoch {
			c.seen = max(c.seen, e)
		}
	}
	if rec.Head.After(c.top) {
		c.top = rec.Head.Position
	}
	if t := c.ten; t != nil && c.seen > t.claim.Epoch {
		c.lose(now, "outranked")
	}
	if c.ten == nil && rec.Live() {
		c.offline.lastLeader = false
		if !c.unresolved && !c.doc.direct {
			c.base = nil // somebody else keeps the bytes
		}
	}
	if rec.Refused != nil && (c.distrust == nil || c.distrust.Error() != rec.Refused.Error()) {
		c.n.BadEntries++
		c.log.Error("something stored is not trusted", "error", rec.Refused)
	}
	c.distrust = rec.Refused
	c.heedFailure(now, rec)
	c.heedReload(now)
	c.heedPin(now, r.task.sent, rec.Pin)
	c.consider(now)
	c.candidate(now, rec)
}

// setClock keeps the best lower bound of the store's clock: an answer says what
// it was at some time before now. A bound that is off by more than a second
// means that a clock was set.
func (c *core) setClock(now, store time.Time) {
	d := store.Sub(now)
	if !c.viewed || d > c.clock || c.clock-d > time.Second {
		c.clock = d
	}
}

// candidate decides when to bid.
func (c *core) candidate(now time.Time, rec Record) {
	if c.readOnly || c.ten != nil {
		c.bidAt = time.Time{}
		return
	}
	if rec.Live() {
		c.freeSince = time.Time{}
	} else if c.freeSince.IsZero() {
		c.freeSince = now
	}
	switch {
	case !rec.Live() && c.own.exists():
		c.bidAt = c.freeSince.Add(abstainFor)
	case !rec.Live(), rec.Lease.Epoch < c.seen, c.unresolved && !c.busy[laneControl]:
		c.bidAt = now
	default:
		c.bidAt = time.Time{}
	}
}

// consider compares what is stored with what is served. It is called again
// after a document was applied.
func (c *core) consider(now time.Time) {
	h := c.view.Head
	c.want = false
	if c.incoming != nil || c.busy[laneApply] || c.catchUp() || !h.Exists() || h.Epoch > MaxEpoch {
		return
	}
	if h.Position.Compare(c.floor) < 0 && !c.forgives(h) {
		return
	}
	if h.Position == c.floor && !c.behind() || !c.yields(h) {
		return
	}
	if c.ten != nil && c.ten.pending != nil && h.Position == c.ten.pending.entry.Position {
		return // this process's own: the answer to its save is on its way
	}
	if c.bad.covers(h) {
		return
	}
	if c.doc.entry != nil && h.Revision == c.doc.entry.Revision {
		c.promote(now, h)
		c.want = c.behind()
		return
	}
	if c.holdsBack() {
		c.overlook(now, h)
		return
	}
	c.want = true
}

// yields reports whether a document that was fetched directly gives way to h:
// it was confirmed later, or is the second new one since.
func (c *core) yields(h Head) bool {
	d := &c.doc
	if !d.direct {
		return true
	}
	if h.After(d.newest) {
		d.newest = h.Position
		d.newer++
	}
	return d.newer >= 2 || d.newer > 0 && h.CheckedAt.After(d.entry.CheckedAt)
}

// forgives lets a reader go back to a lower epoch, which a wiped store and a
// new fleet leave behind, once a live leader has confirmed it repeatedly.
// Everybody else outbids such a leader instead.
func (c *core) forgives(h Head) bool {
	if h.Position == c.lower {
		return false
	}
	c.n.OlderSeen++
	if h.Epoch != c.lower.Epoch {
		c.lowered = 0
	}
	c.lower = h.Position
	if !c.readOnly || c.signed || h.Epoch == c.floor.Epoch || !c.view.Live() || c.view.Lease.Epoch != h.Epoch {
		return false
	}
	if c.lowered++; c.lowered < forgive {
		return false
	}
	c.floor, c.top, c.seen = Position{}, h.Position, h.Epoch
	c.lower, c.lowered = Position{}, 0
	c.log.Warn("accepting a lower epoch: the store was reset", "position", h.Position.String())
	return true
}

// promote gives the served document a newer position without reading it again.
func (c *core) promote(now time.Time, h Head) {
	e := *c.doc.entry
	e.Head = h
	c.serve(now, &e)
}

// serve makes e the latest.
func (c *core) serve(now time.Time, e *Entry) {
	light := *e
	light.Body = nil
	var confirmed time.Time
	if !e.CheckedAt.IsZero() {
		confirmed = earliest(now, c.local(now, e.CheckedAt))
	}
	if c.doc.entry != nil && c.doc.entry.Revision == e.Revision {
		confirmed = latest(confirmed, c.doc.confirmed)
	}
	c.doc = document{entry: &light, direct: e.Epoch == 0, confirmed: confirmed, newest: c.top}
	if e.After(c.floor) {
		c.floor = e.Position
	}
}

// nextLoad reads the document if a newer one is stored, or the leader has to
// have its bytes.
func (c *core) nextLoad(now time.Time) (task, time.Time) {
	if c.down() || !c.want && (c.ten == nil || c.ten.based) {
		return task{}, never
	}
	if now.Before(c.loadAt) {
		return task{}, c.loadAt
	}
	return task{kind: taskLoad}, never
}

func (c *core) loaded(now time.Time, r result) {
	e := r.entry
	var bad error
	c.dataErr = nil
	switch {
	case errors.Is(r.err, ErrNotFound):
		c.want = false
	case errors.Is(r.err, ErrBadEntry):
		bad = r.err
	case r.err != nil:
		c.n.StoreErrors++
		c.dataErr = r.err
		c.loadAt = now.Add(c.jitter(retryEvery, 0.5, 1.5))
		if t := c.ten; t != nil && !t.based {
			t.baseTries++
			t.based = t.baseTries >= 3
		}
		return
	default:
		c.n.Loads++
		bad = e.Verify(c.scope)
	}
	if bad != nil {
		c.reject(unusable{head: c.view.Head}, bad)
	}
	if c.ten != nil && !c.ten.based {
		c.ten.based = true
		if usable(e, bad) && !c.bad.covers(e.Head) {
			c.base = e
		}
	}
	if usable(e, bad) && c.want && !c.passed(e) && !c.bad.covers(e.Head) {
		c.offer(e)
	}
	c.want = false
}

// passed reports whether e is older than what is served, or is that.
func (c *core) passed(e *Entry) bool {
	return c.floor.After(e.Position) || e.Position == c.floor && !c.behind()
}

func usable(e *Entry, bad error) bool { return e != nil && bad == nil }

// unusable is a stored document that is left alone: every copy of it if the
// sink refused it, this copy if it is foreign or was damaged.
type unusable struct {
	head    Head
	refused bool
}

func (u unusable) covers(h Head) bool {
	return u.refused && h.Revision == u.head.Revision || u.head.Exists() && h.Position == u.head.Position
}

func (c *core) reject(u unusable, why error) {
	if !c.bad.covers(u.head) {
		c.log.Error("definitions are unusable", "position", u.head.Position.String(), "error", why)
	}
	c.bad = u
	c.n.BadEntries++
}

// offer hands a document to the sink, unless a newer one waits there already.
func (c *core) offer(e *Entry) {
	if c.incoming != nil && c.incoming.After(e.Position) {
		return
	}
	c.incoming = e
	c.want = false
}

func (c *core) nextApply(now time.Time) (task, time.Time) {
	e := c.incoming
	c.incoming = nil
	switch {
	case e == nil, e.Epoch != 0 && c.passed(e):
	case c.holdsBack():
		c.serve(now, e)
		c.consider(now)
	default:
		return task{kind: taskApply, entry: e}, never
	}
	return c.nextPinned()
}

func (c *core) applied(now time.Time, r result) {
	e := r.task.entry
	if r.task.pin.Exists() {
		c.appliedPin(now, r)
		return
	}
	if r.err != nil {
		c.reject(unusable{head: e.Head, refused: true}, r.err)
	} else {
		c.n.Applied++
		c.bad = unusable{}
		c.serve(now, e)
		c.show(e)
	}
	c.consider(now)
}
