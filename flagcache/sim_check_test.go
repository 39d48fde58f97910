package flagcache

import (
	"fmt"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// checker holds the run to what the protocol promises. It sees the truth: the
// time, and what upstream answered to whom.
type checker struct {
	s   *sim
	err error

	facts   map[Position]fact       // what upstream said, by the number that it got
	answer  map[*simProc]fact       // the last answer on its way to a process
	served  map[*simProc]*servedDoc // by the present incarnation
	sent    map[*simProc]requestsOf // over all incarnations
	led     int                     // requests under a lease
	terms   int                     // leases granted and known to their holder
	thaws   int
	reloads int

	pins     map[flagdef.Revision]bool // were ever pinned
	decided  map[decision]bool         // by an operator
	shown    map[*simProc]shownDoc
	unpinned time.Time // when the store last went back to an earlier decision

	published publication // where the leader publishes what it serves

	last     Position          // stored
	kept     map[Position]bool // was ever stored
	wentBack bool              // the store was wiped or rolled back
}

// fact is an answer of upstream.
type fact struct {
	body           string
	sent, answered time.Time
	life           int
}

// publication is what the last leader that was caught up put where there is no
// lease, but for the order of epochs.
type publication struct {
	epoch uint64
	at    Position // of what it followed
}

type servedDoc struct {
	life int
	at   Position
}

type decision struct {
	number   uint64
	revision flagdef.Revision
}

type shownDoc struct {
	life   int
	doc    *Entry
	number uint64    // of the decision that is heeded
	since  time.Time // when it was first heeded
}

type requestsOf struct {
	direct    int
	lapses    int
	cutOff    time.Duration // as a former leader
	lastCheck time.Time
}

func newChecker(s *sim) *checker {
	return &checker{
		s:       s,
		facts:   map[Position]fact{},
		answer:  map[*simProc]fact{},
		served:  map[*simProc]*servedDoc{},
		sent:    map[*simProc]requestsOf{},
		kept:    map[Position]bool{},
		pins:    map[flagdef.Revision]bool{},
		decided: map[decision]bool{},
		shown:   map[*simProc]shownDoc{},
	}
}

func (c *checker) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("at %.3f s: %s", c.s.now.Sub(c.s.began).Seconds(), fmt.Sprintf(format, args...))
	}
}

// answered is called when upstream answers, before the process knows.
func (c *checker) answered(p *simProc, _ task, sent time.Time, body string) {
	c.answer[p] = fact{body: body, sent: sent, answered: c.s.now, life: p.life}
}

func (c *checker) fetching(p *simProc, t task) {
	if t.epoch != 0 {
		c.led++
		st := c.s.store
		if f := st.state.Failure; !c.wentBack && !st.clockMoved && f.NotBefore.Sub(st.serverNow()) > time.Second {
			c.fail("%s asks upstream %v too early after a failure", p.name(), f.NotBefore.Sub(st.serverNow()))
		}
		if p.cutUp {
			c.s.note("%s asks upstream in epoch %d, in vain", p.name(), t.epoch)
		} else {
			c.s.note("%s asks upstream in epoch %d", p.name(), t.epoch)
		}
		return
	}
	r := c.sent[p]
	r.direct++
	c.sent[p] = r
	c.s.note("%s asks upstream directly", p.name())
}

func (c *checker) thawed(*simProc) { c.thaws++ }

// handled is called after a process took a result.
func (c *checker) handled(p *simProc, r result, before *tenure) {
	if r.task.kind == taskFetch && r.err == nil && p.core.ten != nil && p.core.ten.pending != nil {
		at := p.core.ten.pending.entry.Position
		f := c.answer[p]
		if _, known := c.facts[at]; !known && f.life == p.life && r.task.epoch == at.Epoch {
			c.facts[at] = f
		}
	}
	if p.core.ten != nil && p.core.ten != before {
		c.terms++
		c.s.note("%s leads epoch %d, polls in %v", p.name(), p.core.ten.claim.Epoch, p.core.ten.nextPoll.Sub(p.clock()))
	}
	c.state(p, before)
}

// state looks at a process after anything happened to it.
func (c *checker) state(p *simProc, before *tenure) {
	r := c.sent[p]
	if before != nil && p.core.ten == nil {
		c.s.note("%s no longer leads epoch %d (last leader: %v)", p.name(), before.claim.Epoch, p.core.offline.lastLeader)
		if p.core.offline.lastLeader {
			r.lapses++
		}
	}
	if p.core.offline.lastLeader && !r.lastCheck.IsZero() {
		r.cutOff += c.s.now.Sub(r.lastCheck)
	}
	r.lastCheck = c.s.now
	c.sent[p] = r
	c.serves(p)

	e := p.core.doc.entry
	if e == nil {
		return
	}
	c.publishes(p, e.Position)
	was := c.served[p]
	if was == nil || was.life != p.life {
		was = &servedDoc{life: p.life}
		c.served[p] = was
	}
	if e.Epoch == 0 {
		return
	}
	if e.Position == was.at {
		return
	}
	if was.at.After(e.Position) && (!p.readOnly || p.core.signed) {
		c.fail("%s served %v and then %v", p.name(), was.at, e.Position)
	}
	// A wiped store gives the lease away early: then a former leader that is cut
	// off may serve an answer that it cannot store, and after it an earlier one.
	// And where a store is wiped, its clock set back, and then rolled back to
	// before both, epochs no longer tell what came first.
	f, g := c.facts[was.at], c.facts[e.Position]
	excused := c.wentBack && (!c.kept[was.at] || c.s.store.clockMoved) || c.s.store.interop.wrote(was.at) || c.s.store.interop.wrote(e.Position)
	if f.sent.After(g.answered) && !excused {
		c.fail("%s served an answer of %v and then one of %v", p.name(), f.sent.Sub(c.s.began), g.answered.Sub(c.s.began))
	}
	was.at = e.Position
	c.same(p.name()+" serves", e.Head)
}

// publishes holds what a leader may publish to the order of upstream's answers,
// whoever leads.
func (c *checker) publishes(p *simProc, at Position) {
	if !p.core.caughtUp() || p.core.ten.claim.Epoch < c.published.epoch {
		return
	}
	was := c.published
	c.published = publication{p.core.ten.claim.Epoch, at}
	f, g := c.facts[was.at], c.facts[at]
	// A new leader on a store that was rolled back knows no better until it has
	// polled.
	excused := c.wentBack || c.s.store.interop.wrote(was.at) || c.s.store.interop.wrote(at)
	if f.sent.After(g.answered) && !excused {
		c.fail("%s publishes an answer of %v in epoch %d, and in %d there was one of %v", p.name(), g.answered.Sub(c.s.began), c.published.epoch, was.epoch, f.sent.Sub(c.s.began))
	}
}

// serves looks at what the sink has: the latest that the process follows, or
// what was pinned once. Decisions do not go back, unless the store did.
func (c *checker) serves(p *simProc) {
	was, k := c.shown[p], p.core.pin.heeded
	if was.life != p.life {
		was = shownDoc{life: p.life}
	}
	since := was.since
	if p.core.pin.refused != nil {
		k.Number = max(k.Number, was.number) // it is not followed
	}
	if was.number != k.Number {
		since = c.s.now
	}
	if p.core.pinned() && !c.decided[decision{k.Number, k.Revision}] {
		c.fail("%s follows the pin %d, which no operator set", p.name(), k.Number)
	}
	if p.core.signed && was.number > k.Number && k.Number != 0 {
		c.fail("%s followed decision %d and then, signed, %d", p.name(), was.number, k.Number)
	}
	if was.number > k.Number && !c.unpinned.After(was.since.Add(-settleNetwork)) {
		c.fail("%s followed decision %d and then %d", p.name(), was.number, k.Number)
	}
	now := p.core.shown
	if now != was.doc && !p.core.shows(p.core.doc.head()) && !c.pins[now.Revision] {
		c.fail("%s serves %s, which is neither the latest nor was pinned", p.name(), now.Revision.Short())
	}
	if now == nil && was.doc != nil {
		c.fail("%s serves nothing any more", p.name())
	}
	c.shown[p] = shownDoc{p.life, now, k.Number, since}
}

// stored looks at the store after a step.
func (c *checker) stored() {
	h := c.s.store.trusted()
	if !h.Exists() {
		return
	}
	c.same("stored is", h)
	c.kept[h.Position] = true
	if c.last.After(h.Position) {
		c.fail("the store went from %v back to %v", c.last, h.Position)
	}
	c.last = h.Position
}

// restored is called when the store itself went back.
func (c *checker) restored(before, after Pin) {
	c.last, c.wentBack = Position{}, true
	if after.Number < before.Number {
		c.unpinned = c.s.now
	}
}

// same holds a number to the one document that upstream gave for it.
func (c *checker) same(what string, h Head) {
	if c.s.store.interop.wrote(h.Position) {
		return // another SDK: what upstream said is not known
	}
	f, ok := c.facts[h.Position]
	if !ok {
		c.fail("%s %v, which upstream never answered", what, h.Position)
		return
	}
	if RevisionOf([]byte(f.body)) != h.Revision {
		c.fail("%s %v with another document than upstream gave: want %s", what, h.Position, f.body)
	}
	if h.ETag != f.body {
		c.fail("%s %v with ETag %q, which belongs to another document than %q", what, h.Position, h.ETag, f.body)
	}
	late := h.CheckedAt.Add(-c.s.store.clock).Sub(f.sent)
	if late > 1100*time.Millisecond && !c.s.store.clockMoved {
		c.fail("%s %v with checkedAt %v after the request was sent", what, h.Position, late)
	}
}

// requests holds the number of requests to what is promised.
func (c *checker) requests() {
	elapsed := c.s.now.Sub(c.s.began)
	intervals := int(elapsed/c.s.interval) + 1
	if most := intervals + c.terms + c.thaws + c.reloads; c.led > most {
		c.fail("%d requests under a lease, want at most %d: %d intervals, %d terms, %d thaws, %d reloads", c.led, most, intervals, c.terms, c.thaws, c.reloads)
	}
	for p, r := range c.sent {
		most := 1 + p.life + r.lapses + int(r.cutOff/c.s.interval) + int(elapsed/(offlineWait*c.s.interval))
		if r.direct > most {
			c.fail("%s made %d direct requests, want at most %d (%d lapses, %v cut off as a leader)", p.name(), r.direct, most, r.lapses, r.cutOff)
		}
	}
}

// converged holds every live process to what upstream serves now.
func (c *checker) converged(readers bool) {
	want := RevisionOf([]byte(c.s.up.body))
	leaders := 0
	for _, p := range c.s.procs {
		if !p.alive() || p.frozen || p.readOnly && !readers {
			continue
		}
		if p.core.ten != nil {
			leaders++
		}
		if pin, ok := c.s.store.pinned(); ok && !p.core.shows(Head{Revision: pin.Revision}) || !ok && !p.core.shows(Head{Revision: want}) {
			c.fail("%s (reader %v) serves %+v; pin %+v usable %v, heeded %+v", p.name(), p.readOnly, p.core.shown, pin, ok, p.core.pin)
		}
		e := p.core.doc.entry
		if e == nil || e.Revision != want || e.Epoch == 0 {
			c.fail("%s (reader %v) serves %+v, want %s; store %v, floor %v", p.name(), p.readOnly, e, c.s.up.body, c.s.store.state.head().Position, p.core.floor)
		}
	}
	if leaders != 1 {
		c.fail("%d processes lead after everything healed", leaders)
	}
}
