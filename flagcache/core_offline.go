package flagcache

import "time"

// offline is what a process needs while the store is down: memory goes on, and
// upstream is asked rarely, but by the last leader.
type offline struct {
	lastLeader bool      // led when the store went away: goes on polling
	next       time.Time // of the last leader
	asked      bool      // had nothing once, and asked
	last       time.Time // request without the lease, or the start
	delay      float64   // intervals that an empty process waits, 0 to 1
	patience   float64   // times offlineWait intervals, 1 to 2
}

// nextDirect asks upstream without the lease.
func (c *core) nextDirect(now time.Time) (task, time.Time) {
	if !c.down() {
		return task{}, never
	}
	o := &c.offline
	span := func(intervals float64) time.Duration { return time.Duration(intervals * float64(c.interval)) }
	var due time.Time
	switch {
	case o.lastLeader:
		due = o.next
	case c.shown == nil && !o.asked:
		due = c.downSince.Add(span(o.delay))
	default:
		due = latest(c.doc.confirmed, o.last).Add(span(offlineWait * o.patience))
	}
	due = latest(due, c.notBefore())
	if now.Before(due) {
		return task{}, due
	}
	o.asked, o.last = true, now
	o.next = now.Add(c.jitter(c.interval, 1, 1.1))
	o.patience = 1 + c.rng.Float64()
	c.n.Direct++
	t := task{kind: taskFetch, entry: c.doc.entry}
	if c.behind() {
		t.entry = nil // its bytes were never here
	}
	return t, never
}

// fetchedDirect serves an answer that has no number.
func (c *core) fetchedDirect(now time.Time, r result) {
	if !c.down() {
		return // the store is back, and its leader knows better
	}
	if r.err != nil {
		cause, after := causeOf(r.err)
		wait := c.noteFailure(now, Position{}, cause, after)
		c.own.at = c.top
		c.log.Warn("upstream could not be read", "cause", cause, "wait", wait, "error", r.err)
		return
	}
	c.own = failure{}
	e := c.observe(r)
	e.Position = Position{}
	c.settled = r.task.sent
	if c.doc.entry != nil && e.Revision == c.doc.entry.Revision && !(c.behind() && e.Body != nil) {
		c.doc.confirmed = latest(c.doc.confirmed, r.task.sent)
		if c.doc.direct {
			e.Body = nil
			c.doc.entry = e
		}
		return
	}
	if e.Body == nil {
		return // not modified, but another document took its place meanwhile
	}
	c.base = e
	c.offer(e)
}
