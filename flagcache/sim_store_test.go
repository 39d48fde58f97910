package flagcache

import (
	"context"
	"errors"
	"time"
)

// simStore is the reference store behind a network that loses, delays and
// doubles, on a server that stalls, is wiped, and goes back in time.
type simStore struct {
	s          *sim
	state      Ledger
	clock      time.Duration // the server's clock less the true time
	stalled    time.Time     // nothing is applied before
	down       bool          // every call fails soon
	clockMoved bool
	signed     *Signed // how processes see it; nil: as it is

	// Rates of faults of the network, 0 to 1, for each call.
	loseRequest, loseReply, late, twice float64

	interop *simInterop // the layout that is shared with other SDKs; nil: not that

	saved []snapshot // to go back to
	log   []applied  // every step that was taken, if it is to be replayed
	keep  bool
}

type snapshot struct {
	at    time.Time
	state Ledger
}

// applied is one step on the server, with what it answered.
type applied struct {
	Now    time.Time
	Op     string
	Task   task
	Record Record
	Err    error
	State  Ledger // of a restore
}

var errNetwork = errors.New("no answer")

func (st *simStore) serverNow() time.Time {
	return st.s.now.Add(st.clock).Truncate(time.Microsecond)
}

// call sends a task to the server, through the faults.
func (st *simStore) call(p *simProc, t task, finish func(result)) {
	s := st.s
	timeout := controlTimeout
	if t.kind == taskSave || t.kind == taskConfirm || t.kind == taskLoad || t.kind == taskLoadPin {
		timeout = 10 * time.Second
	}
	s.after(timeout, func() { finish(result{err: errNetwork}) })
	if p.cut || st.down {
		if s.chance(0.5) { // refused at once, or never heard of
			s.after(5*time.Millisecond, func() { finish(result{err: errNetwork}) })
		}
		return
	}
	trip := func() time.Duration { return s.between(time.Millisecond, 20*time.Millisecond) }
	if s.chance(st.loseRequest) {
		return
	}
	delay, lost := trip(), s.chance(st.loseReply)
	if s.chance(st.late) {
		delay = s.between(timeout, 25*time.Second)
	}
	life := p.life
	s.after(delay, func() {
		st.apply(p.name(), t, func(r result) {
			if !lost && !p.cut && p.life == life {
				s.after(trip(), func() { finish(r) })
			}
		})
	})
	if s.chance(st.twice) {
		s.after(s.between(delay, delay+20*time.Second), func() { st.apply(p.name()+" again", t, func(result) {}) })
	}
}

// apply takes the step once the server is not stalled.
func (st *simStore) apply(who string, t task, reply func(result)) {
	if st.down {
		return
	}
	if wait := st.stalled.Sub(st.s.now); wait > 0 {
		st.s.after(wait, func() { st.apply(who, t, reply) })
		return
	}
	r := st.step(t)
	reads := t.kind == taskLook || t.kind == taskRenew || t.kind == taskLoad || t.kind == taskLoadPin
	if !reads {
		st.s.note("%s: %v %v → %v; lease %d of %s, entry %v", who, t.kind, describe(t), r.err, st.state.Lease.Epoch, st.state.Lease.Holder, st.state.head().Position)
	}
	st.s.check.stored()
	if r.err == nil && !reads {
		st.push()
	}
	reply(r)
}

func describe(t task) any {
	switch {
	case t.kind == taskFail:
		return t.failure.Position
	case t.kind == taskAcquire:
		return t.bid.Seen
	case t.entry != nil:
		return t.entry.Position
	}
	return ""
}

func (st *simStore) step(t task) result {
	now, ctx := st.serverNow(), context.Background()
	if st.interop != nil {
		return st.interop.step(now, t)
	}
	store := st.view()
	var rec Record
	var err error
	switch t.kind {
	case taskLoad:
		e, err := store.Load(ctx)
		return result{entry: e, err: err}
	case taskLoadPin:
		e, err := store.LoadRevision(ctx, t.pin.Revision)
		return result{entry: e, err: err}
	case taskLook:
		rec, err = store.Record(ctx)
	case taskAcquire:
		rec, err = store.Acquire(ctx, t.bid, leaseTTL)
	case taskRenew:
		rec, err = store.Renew(ctx, t.claim, leaseTTL)
	case taskSave:
		rec, err = store.Save(ctx, t.claim, t.entry)
	case taskConfirm:
		rec, err = store.Confirm(ctx, t.claim, t.entry.Head)
	case taskFail:
		rec, err = store.Fail(ctx, t.claim, t.failure)
	}
	st.keepStep(now, t.kind.String(), t, err)
	if t.kind == taskFail && t.release && definite(err) {
		rec, err = store.Release(ctx, t.claim)
		st.keepStep(now, "release", t, err)
	}
	return result{record: rec, err: err}
}

// reload is somebody's request for a poll.
func (st *simStore) reload() {
	now := st.serverNow()
	st.s.note("a reload is asked for")
	st.state.RequestReload(now)
	st.keepStep(now, "reload", task{}, nil)
	st.push()
}

func (st *simStore) keepStep(now time.Time, op string, t task, err error) {
	if st.keep && t.kind != taskLook {
		st.log = append(st.log, applied{Now: now, Op: op, Task: t, Record: st.state.Record(now), Err: err})
	}
}

// push sends hints to everybody, and loses some.
func (st *simStore) push() {
	for _, p := range st.s.procs {
		if p.cut || p.core == nil || st.s.chance(0.02+st.loseReply) {
			continue
		}
		life := p.life
		st.s.after(st.s.between(time.Millisecond, 30*time.Millisecond), func() {
			p.deliver(life, func() {
				p.core.hint()
				p.pump()
			})
		})
	}
}

func (st *simStore) snap() {
	st.saved = append(st.saved, snapshot{st.s.now, st.state})
	if len(st.saved) > 40 {
		st.saved = st.saved[1:]
	}
}

// restore puts a former state, or none, in place.
func (st *simStore) restore(state Ledger, why string) {
	st.s.note("store %s: lease %d, entry %v", why, state.Lease.Epoch, state.head().Position)
	before := st.state.Pin
	st.state = state
	st.interop.restored()
	st.s.check.restored(before, state.Pin)
	if st.keep {
		st.log = append(st.log, applied{Now: st.serverNow(), Op: "restore", State: state})
	}
}
