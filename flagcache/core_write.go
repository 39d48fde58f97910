package flagcache

import (
	"errors"
	"time"
)

// nextWrite stores what upstream answered: a failure first, as it is small and
// keeps others from asking.
func (c *core) nextWrite(now time.Time) (task, time.Time) {
	if r := c.report; r != nil {
		if now.Before(r.retryAt) {
			return task{}, r.retryAt
		}
		return task{kind: taskFail, claim: r.claim, failure: r.failure, release: r.release}, never
	}
	t := c.ten
	if t == nil || t.pending == nil {
		return task{}, never
	}
	if now.Before(t.retryAt) {
		return task{}, t.retryAt
	}
	kind := taskSave
	if t.pending.confirm {
		kind = taskConfirm
	}
	return task{kind: kind, claim: t.claim, entry: t.pending.entry}, never
}

func (c *core) written(now time.Time, r result) {
	t, e := c.ten, r.task.entry
	mine := t != nil && t.claim == r.task.claim
	waited := mine && t.pending != nil && t.pending.entry.Position == e.Position
	c.dataErr = nil
	switch {
	case r.err == nil:
		if r.task.kind == taskSave {
			c.n.Saves++
		} else {
			c.n.Confirms++
		}
		if mine {
			t.unsaved = time.Time{}
		}
		if waited {
			c.settled = t.pending.sent
			t.pending = nil
		}
		if mine {
			c.adopt(now, e)
		}
		c.absorb(now, r)
	case errors.Is(r.err, ErrBodyNeeded):
		c.n.Repairs++
		if waited {
			t.pending.confirm = false
			if r.task.kind == taskSave { // it had the body: the store is confused
				t.retryAt = now.Add(retryEvery)
			}
		}
		c.absorb(now, r)
	case errors.Is(r.err, ErrNotHeld), errors.Is(r.err, ErrStale):
		c.n.Refused++
		if mine {
			c.lose(now, "write refused")
		}
		c.absorb(now, r)
	default:
		c.n.StoreErrors++
		c.dataErr = r.err
		if !waited {
			return
		}
		t.retryAt = now.Add(c.jitter(retryEvery, 0.25, 1))
		// While the store is down the leader serves what it has: under a number
		// that nobody else can use.
		c.adopt(now, e)
	}
}

// adopt serves an observation of this process's own.
func (c *core) adopt(now time.Time, e *Entry) {
	if c.doc.entry != nil && c.doc.entry.Revision == e.Revision && !c.busy[laneApply] && c.incoming == nil {
		if e.After(c.floor) {
			c.serve(now, e)
		}
		return
	}
	c.offer(e)
}
