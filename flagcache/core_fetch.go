package flagcache

import "time"

// observation is an answer from upstream that is not known to be stored.
type observation struct {
	entry   *Entry
	confirm bool      // the store is believed to have the document
	sent    time.Time // when upstream was asked
}

// nextFetch asks upstream: under the lease, or without it while the store is down.
func (c *core) nextFetch(now time.Time) (task, time.Time) {
	if c.readOnly {
		return task{}, never
	}
	t := c.ten
	if t == nil {
		return c.nextDirect(now)
	}
	if !t.based {
		return task{}, never
	}
	due := latest(t.nextPoll, c.notBefore())
	if now.Before(due) {
		return task{}, due
	}
	if t.unsaved.IsZero() {
		t.unsaved = now
	}
	t.lastSent = now
	t.nextPoll = now.Add(c.jitter(c.interval, 1, 1.1))
	c.served = latest(c.served, c.view.Reload)
	return task{kind: taskFetch, epoch: t.claim.Epoch, entry: c.base}, never
}

func (c *core) fetched(now time.Time, r result) {
	switch {
	case r.err != nil:
		c.n.Failed++
	case r.answer.NotModified:
		c.n.NotModified++
	default:
		c.n.Full++
	}
	t := c.ten
	if t == nil && (r.task.epoch == 0 || c.offline.lastLeader && c.down()) {
		c.fetchedDirect(now, r)
		return
	}
	if t == nil || t.claim.Epoch != r.task.epoch {
		return // an answer counts only in the epoch in which it was asked for
	}
	if r.err != nil {
		c.fail(now, t, r.err)
		return
	}
	c.own = failure{}
	e := c.observe(r)
	t.seq++
	e.Position = Position{Epoch: t.claim.Epoch, Seq: t.seq}
	t.pending = &observation{
		entry:   e,
		confirm: c.base != nil && c.base.Revision == e.Revision,
		sent:    r.task.sent,
	}
	t.retryAt = now
	c.base = e
}

// observe makes the entry that an answer stands for.
func (c *core) observe(r result) *Entry {
	checked := c.storeNow(r.task.sent)
	var e *Entry
	if r.answer.NotModified {
		same := *r.task.entry
		e = &same
	} else {
		e = NewEntry(c.scope, r.answer.Body, r.answer.ETag)
		e.FetchedAt = checked
	}
	e.CheckedAt = checked
	return e
}

// notBefore is when upstream may be asked again after failures.
func (c *core) notBefore() time.Time { return latest(c.own.until, c.sharedTill) }

// heedReload lets the leader poll now if that was asked for since its last
// poll. A request from the future is one from before the clock was set back.
func (c *core) heedReload(now time.Time) {
	t, at := c.ten, c.view.Reload
	if t == nil || !at.After(c.served) || at.After(c.view.Now) {
		return
	}
	t.nextPoll = earliest(t.nextPoll, latest(now, t.lastSent.Add(reloadGap)))
}

// askedToReload takes a reload that was asked of this process. A follower's has been
// put to the leader already.
func (c *core) askedToReload(now time.Time, q *reloading) {
	q.behind = c.asks
	switch {
	case c.ten != nil:
		c.ten.nextPoll = earliest(c.ten.nextPoll, latest(now, c.ten.lastSent.Add(reloadGap)))
	case c.offline.lastLeader:
		c.offline.next = earliest(c.offline.next, now)
	default:
		c.hinted = true // to look again if a look is under way
		c.nextLook = earliest(c.nextLook, now)
	}
}
