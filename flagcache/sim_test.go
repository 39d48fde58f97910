package flagcache

import (
	"container/heap"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// sim runs a whole fleet in one goroutine on a clock of its own: the cores of
// all processes, the network, the store, upstream. Everything random comes from
// the seed, so a seed is a replayable run.
type sim struct {
	seed     uint64
	rng      *rand.Rand
	now      time.Time
	began    time.Time
	interval time.Duration
	queue    eventQueue
	order    uint64 // of events at one instant

	store *simStore
	up    *simUpstream
	procs []*simProc
	check *checker

	healed  bool // no more faults
	pins    bool // an operator pins and unpins
	tampers bool // somebody without a key writes the store
	trace   []string
	keep    bool // the whole trace, not its tail
}

type event struct {
	at    time.Time
	order uint64
	do    func()
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].order < q[j].order
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

var simScope = Scope{Project: "phc_sim", Host: "sim"}

var simStart = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newSim(seed uint64, n int, interval time.Duration) *sim {
	s := &sim{
		seed:     seed,
		rng:      rand.New(rand.NewPCG(seed, 1)),
		now:      simStart,
		began:    simStart,
		interval: interval,
	}
	s.store = &simStore{s: s}
	s.up = &simUpstream{s: s, body: simDoc(1)}
	s.check = newChecker(s)
	for i := range n {
		s.procs = append(s.procs, &simProc{s: s, id: i, readOnly: i > 2 && s.rng.IntN(8) == 0})
	}
	return s
}

func (s *sim) after(d time.Duration, do func()) {
	s.order++
	heap.Push(&s.queue, event{s.now.Add(d), s.order, do})
}

// run lets d pass, or stops at the first violation.
func (s *sim) run(d time.Duration) {
	end := s.now.Add(d)
	for s.check.err == nil && len(s.queue) > 0 && !s.queue[0].at.After(end) {
		e := heap.Pop(&s.queue).(event)
		s.now = e.at
		e.do()
	}
	s.now = end
}

func (s *sim) note(format string, args ...any) {
	line := fmt.Sprintf("%9.3f ", s.now.Sub(s.began).Seconds()) + fmt.Sprintf(format, args...)
	if len(s.trace) >= 3000 && !s.keep {
		s.trace = append(s.trace[:0], s.trace[1500:]...)
	}
	s.trace = append(s.trace, line)
}

// between draws a duration.
func (s *sim) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(s.rng.Int64N(int64(hi-lo)+1))
}

func (s *sim) chance(p float64) bool { return s.rng.Float64() < p }

func simDoc(v int) string { return fmt.Sprintf(`{"flags":[{"key":"beta","version":%d}]}`, v) }

// simProc is a process and its incarnations.
type simProc struct {
	s        *sim
	id       int
	readOnly bool

	core   *core
	life   int // incarnation; results for a former one are dropped
	frozen bool
	mail   []func() // what came while it was frozen
	wakes  int      // the latest wake-up; earlier ones are void
	cut    bool     // from the store
	cutUp  bool     // from upstream
	offset time.Duration
}

func (p *simProc) name() string { return fmt.Sprintf("p%d.%d", p.id, p.life) }

// boot starts an incarnation with nothing.
func (p *simProc) boot() {
	p.life++
	p.frozen, p.mail = false, nil
	rng := rand.New(rand.NewPCG(p.s.seed, uint64(p.id)<<20|uint64(p.life)))
	p.core = newCore(simScope, p.name(), p.s.interval, p.readOnly, rng, slog.New(slog.DiscardHandler))
	p.core.signed = p.s.store.signed != nil
	drawn := 0
	p.core.newToken = func() string { drawn++; return fmt.Sprint(p.name(), "-", drawn) }
	p.core.start(p.clock(), nil)
	p.s.note("%s starts", p.name())
	p.pump()
}

func (p *simProc) crash() {
	p.s.note("%s crashes", p.name())
	p.core = nil
	p.life++
	p.mail, p.frozen = nil, false
}

func (p *simProc) freeze() { p.frozen = true; p.s.note("%s freezes", p.name()) }

func (p *simProc) thaw() {
	if !p.frozen {
		return
	}
	p.frozen = false
	p.s.note("%s thaws", p.name())
	p.s.check.thawed(p)
	mail := p.mail
	p.mail = nil
	for _, m := range mail {
		m()
	}
	p.pump()
}

func (p *simProc) alive() bool { return p.core != nil }

// clock is the process's own: it runs evenly, and stands anywhere.
func (p *simProc) clock() time.Time { return p.s.now.Add(p.offset) }

// deliver hands in something for this incarnation, later if it is frozen.
func (p *simProc) deliver(life int, do func()) {
	if p.core == nil || p.life != life {
		return
	}
	if p.frozen {
		p.mail = append(p.mail, do)
		return
	}
	do()
}

// pump does what the core wants done now.
func (p *simProc) pump() {
	if p.core == nil || p.frozen {
		return
	}
	before := p.core.ten
	tasks, wake := p.core.step(p.clock())
	p.s.check.state(p, before)
	for _, t := range tasks {
		p.do(t)
	}
	p.wakes++
	mine, life := p.wakes, p.life
	p.s.after(max(0, wake.Sub(p.clock())), func() {
		if p.wakes == mine && p.life == life {
			p.pump()
		}
	})
}

// finish returns a function that hands in a task's result once.
func (p *simProc) finish(t task) func(result) {
	life, done := p.life, false
	return func(r result) {
		p.deliver(life, func() {
			if done || p.life != life {
				return
			}
			done = true
			r.task = t
			before := p.core.ten
			p.core.handle(p.clock(), r)
			p.s.check.handled(p, r, before)
			p.pump()
		})
	}
}

func (p *simProc) do(t task) {
	finish := p.finish(t)
	switch t.kind {
	case taskFetch:
		p.s.check.fetching(p, t)
		p.s.up.fetch(p, t, finish)
	case taskApply:
		p.s.after(p.s.between(0, 50*time.Millisecond), func() { finish(result{}) })
	default:
		p.s.store.call(p, t, finish)
	}
}

// simUpstream serves one document. A body is its own ETag.
type simUpstream struct {
	s    *sim
	body string
	err  error
}

func (u *simUpstream) fetch(p *simProc, t task, finish func(result)) {
	s := u.s
	sent := s.now
	name := p.name()
	if p.cutUp {
		s.after(s.between(time.Millisecond, 3*time.Second), func() {
			finish(result{err: &UpstreamError{Cause: CauseUnreachable, Err: errUnsaved}})
		})
		return
	}
	s.after(s.between(10*time.Millisecond, 300*time.Millisecond), func() {
		var r result
		switch {
		case u.err != nil:
			r.err = u.err
		case t.entry != nil && t.entry.ETag == u.body:
			r.answer = Answer{NotModified: true}
			s.check.answered(p, t, sent, u.body)
		default:
			r.answer = Answer{Body: []byte(u.body), ETag: u.body}
			s.check.answered(p, t, sent, u.body)
		}
		s.note("upstream answers %s: 304=%v err=%v", name, r.answer.NotModified, r.err)
		s.after(s.between(10*time.Millisecond, 300*time.Millisecond), func() { finish(r) })
	})
}
