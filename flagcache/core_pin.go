package flagcache

import (
	"errors"
	"fmt"
	"time"
)

// pinning is an operator's decision as this process follows it. While a document
// is pinned the latest goes on being followed by its heads alone, and the sink
// has something else: see shown.
type pinning struct {
	heeded   Pin
	seen     uint64    // the greatest number ever seen
	since    time.Time // when heeded last changed
	refused  error     // why heeded is not followed; nil if it is
	verified bool      // its document was read, and can be used
	incoming *Entry    // its document, to be applied
	loadAt   time.Time
	missing  int // times that its document was not found
}

const missingTries = 3 // a replica may not have the pinned document yet

// pinned reports whether a document is pinned that can be used, as far as known.
func (c *core) pinned() bool { return c.pin.heeded.Exists() && c.pin.refused == nil }

// holdsBack reports whether the latest is not given to the sink. A process that
// has nothing serves what it gets while the store, which has the pin, is down.
func (c *core) holdsBack() bool { return c.pinned() && !(c.shown == nil && c.down()) }

// behind reports whether the sink lacks the latest, as after an unpin.
func (c *core) behind() bool {
	return !c.holdsBack() && c.doc.entry != nil && !c.shows(c.doc.entry.Head)
}

func (c *core) shows(h Head) bool { return c.shown != nil && c.shown.Revision == h.Revision }

// awaitsPin reports whether the pinned document is not known to be what the sink
// has. It is read also if the sink has the same: so a damaged pin is refused by
// all alike.
func (c *core) awaitsPin() bool {
	return c.pinned() && !(c.pin.verified && c.shows(Head{Revision: c.pin.heeded.Revision}))
}

// heedPin takes the decision that the answer to an operation shows. A greater
// number is a newer decision. A lower one is an answer from before, or it is what
// the store went back to: so it counts if the operation was sent after the
// decision that is heeded was seen.
func (c *core) heedPin(now, sent time.Time, p Pin) {
	k := &c.pin
	var refused error
	switch {
	case c.ignorePins, p == k.heeded:
		return
	case p.Number > MaxEpoch:
		refused = fmt.Errorf("%w: pin number %d is out of range", ErrBadEntry, p.Number)
	case p.Number > k.seen:
		k.seen = p.Number
	case !sent.After(k.since):
		return
	case c.signed && 0 < p.Number && p.Number < k.seen:
		c.n.OlderSeen++
		refused = fmt.Errorf("%w: the pin is from before a decision that was seen", ErrBadEntry)
	}
	*k = pinning{heeded: p, seen: k.seen, since: now}
	switch {
	case refused != nil:
		c.refusePin(refused)
	case p.Exists():
		c.log.Warn("definitions are pinned", "revision", p.Revision.Short(), "by", p.By, "why", p.Why)
	default:
		c.log.Info("definitions are not pinned any more", "by", p.By, "why", p.Why)
	}
}

// refusePin lets the latest be served instead.
func (c *core) refusePin(why error) {
	c.pin.refused, c.pin.incoming = why, nil
	c.n.BadEntries++
	c.log.Error("the pin cannot be used: the latest definitions are served", "revision", c.pin.heeded.Revision.Short(), "error", why)
}

// nextPin reads the pinned document.
func (c *core) nextPin(now time.Time) (task, time.Time) {
	k := &c.pin
	if !c.awaitsPin() || k.incoming != nil || c.busy[laneApply] || c.down() {
		return task{}, never
	}
	if now.Before(k.loadAt) {
		return task{}, k.loadAt
	}
	return task{kind: taskLoadPin, pin: k.heeded}, never
}

func (c *core) loadedPin(now time.Time, r result) {
	k := &c.pin
	if r.task.pin != k.heeded || k.refused != nil {
		return
	}
	k.loadAt = now.Add(c.jitter(retryEvery, 0.5, 1.5))
	bad := r.err
	switch {
	case r.err == nil:
		c.n.Loads++
		c.dataErr = nil
		if bad = r.entry.Verify(c.scope); bad == nil && r.entry.Revision != k.heeded.Revision {
			bad = fmt.Errorf("%w: another document than the pinned one", ErrBadEntry)
		}
	case errors.Is(r.err, ErrBadEntry), errors.Is(r.err, ErrNoPins):
	case errors.Is(r.err, ErrNotFound):
		if k.missing++; k.missing < missingTries {
			return
		}
	default:
		c.n.StoreErrors++
		c.dataErr = r.err
		return
	}
	if bad != nil {
		c.refusePin(bad)
		c.consider(now)
		return
	}
	k.verified, k.incoming = true, r.entry
}

// nextPinned hands the pinned document to the sink.
func (c *core) nextPinned() (task, time.Time) {
	k := &c.pin
	e := k.incoming
	k.incoming = nil
	if e == nil || !c.awaitsPin() {
		return task{}, never
	}
	dated := *e
	if c.doc.entry != nil {
		dated.CheckedAt = c.doc.entry.CheckedAt // how good the link to upstream is, and that is the latest's
	}
	return task{kind: taskApply, entry: &dated, pin: k.heeded}, never
}

func (c *core) appliedPin(now time.Time, r result) {
	switch {
	case r.err == nil:
		c.n.Applied++
		c.show(r.task.entry)
	case r.task.pin == c.pin.heeded:
		c.refusePin(r.err)
	}
	c.consider(now)
}

// show notes what the sink has.
func (c *core) show(e *Entry) {
	light := *e
	light.Body = nil
	c.shown = &light
}

// catchUp offers the latest from memory, if its bytes are there.
func (c *core) catchUp() bool {
	if !c.behind() || c.base == nil || c.base.Revision != c.doc.entry.Revision || c.bad.covers(c.doc.entry.Head) {
		return false
	}
	e := *c.base
	e.Head = c.doc.entry.Head
	c.offer(&e)
	return true
}

// overlook follows the latest by its head alone.
func (c *core) overlook(now time.Time, h Head) {
	c.serve(now, &Entry{Schema: Schema, Project: c.scope.Project, Host: c.scope.Host, Head: h})
}
