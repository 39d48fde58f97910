package flagcache

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	simSeed  = flag.Uint64("sim.seed", 0, "run this seed alone and print its trace")
	simSeeds = flag.Int("sim.seeds", 150, "how many seeds to run")
)

// TestSimulatedFleet runs random faults against whole fleets. A failing seed is
// replayed with -run TestSimulatedFleet -sim.seed=N, and likewise for the tests
// that let more go wrong.
func TestSimulatedFleet(t *testing.T) { simulateSeeds(t, *simSeeds, func(*sim) {}) }

func simulateSeeds(t *testing.T, seeds int, set func(*sim)) {
	t.Helper()
	if *simSeed != 0 {
		s := simulateWith(*simSeed, func(s *sim) { s.keep = true; set(s) })
		t.Log("\n" + strings.Join(s.trace, "\n"))
		if s.check.err != nil {
			t.Fatal(s.check.err)
		}
		return
	}
	for seed := uint64(1); seed <= uint64(seeds); seed++ {
		if s := simulateWith(seed, set); s.check.err != nil {
			tail := s.trace[max(0, len(s.trace)-60):]
			t.Fatalf("seed %d (%d processes): %v\n%s", seed, len(s.procs), s.check.err, strings.Join(tail, "\n"))
		}
	}
}

// simulate is one run: faults for some minutes, then peace, then the bound
// within which everybody has to be right again.
func simulate(seed uint64, keep bool) *sim {
	return simulateWith(seed, func(s *sim) { s.keep = keep })
}

func simulateWith(seed uint64, set func(*sim)) *sim {
	sizes := [...]int{2, 3, 3, 5, 8, 20, 100}
	n := sizes[seed%uint64(len(sizes))]
	s := newSim(seed, n, [...]time.Duration{10 * time.Second, 30 * time.Second}[seed/7%2])
	set(s)
	s.faults()
	s.run(s.between(3*time.Minute, 8*time.Minute))
	s.heal()
	s.run(s.settling())
	s.check.converged(false)
	s.check.requests()
	s.run(s.interval) // a reader that missed a push looks once in an interval
	s.check.converged(true)
	if s.check.err != nil {
		return s
	}
	s.up.body = simDoc(999)
	s.note("a last edit")
	led := s.check.led
	// The leader polls, and who missed its push looks for itself.
	s.run(s.interval*11/10 + tryEvery + 2*time.Second)
	s.check.converged(false)
	if polls := s.check.led - led; polls < 1 || polls > 2 {
		s.check.fail("%d polls in an interval of peace", polls)
	}
	return s
}

// faults boots the fleet and plans what befalls it.
func (s *sim) faults() {
	st := s.store
	if s.chance(0.8) {
		rate := s.rng.Float64() * 0.3
		st.loseRequest, st.loseReply, st.late, st.twice = rate*s.rng.Float64(), rate*s.rng.Float64(), rate*s.rng.Float64(), rate*s.rng.Float64()
	}
	for _, p := range s.procs {
		p.offset = s.between(-time.Hour, time.Hour)
		s.after(s.between(0, 3*time.Second), p.boot)
	}
	s.every(time.Second, func() { st.snap() })
	s.every(s.between(5*time.Second, 60*time.Second), func() {
		s.up.body = simDoc(1 + s.rng.IntN(4)) // old documents come back
		s.note("upstream now serves %s", s.up.body)
	})
	mean := s.between(3*time.Second, 25*time.Second)
	s.every(mean, s.fault)
	if s.pins {
		s.every(s.between(5*time.Second, 40*time.Second), s.operate)
	}
	if s.tampers {
		s.every(s.between(2*time.Second, 20*time.Second), s.tamper)
	}
}

// every repeats do at random intervals around d until the faults are over.
func (s *sim) every(d time.Duration, do func()) {
	s.after(s.between(d/2, d*3/2), func() {
		if s.healed {
			return
		}
		do()
		s.every(d, do)
	})
}

// fault lets one thing go wrong.
func (s *sim) fault() {
	st := s.store
	p := s.victim()
	a := s.between(time.Second, 40*time.Second)
	switch s.rng.IntN(17) {
	case 0, 1:
		if p.alive() {
			p.crash()
			s.after(a, func() {
				if !p.alive() {
					p.boot()
				}
			})
		}
	case 2, 3, 4:
		if p.alive() && !p.frozen {
			p.freeze()
			s.after(a, p.thaw)
		}
	case 5, 6:
		p.cut = true
		s.note("%s is cut off from the store", p.name())
		s.after(a, func() { p.cut = false; s.note("%s reaches the store again", p.name()) })
	case 7, 8:
		p.cutUp = true
		s.note("%s is cut off from upstream", p.name())
		s.after(2*a, func() { p.cutUp = false; s.note("%s reaches upstream again", p.name()) })
	case 9:
		st.stalled = s.now.Add(a / 2)
		s.note("store stalls for %v", a/2)
	case 10:
		st.restore(Ledger{}, "wiped")
	case 11:
		state := st.state
		state.Entry = nil
		st.restore(state, "evicted the entry")
	case 12:
		if len(st.saved) > 0 { // back by seconds (a failover) or by more (a backup)
			back := st.saved[max(0, len(st.saved)-1-s.rng.IntN(1+s.rng.IntN(40)))]
			state := back.state
			if s.chance(0.5) {
				state.Lease.Expires = time.Time{}
			}
			st.restore(state, "rolled back")
		}
	case 13:
		if s.tampers {
			return // see docs/signing.md: a clock that ran ahead, and then a deleted pin
		}
		st.clock += s.between(-10*time.Minute, 10*time.Minute)
		st.clockMoved = true
		s.note("store's clock is now off by %v", st.clock)
	case 14:
		causes := [...]Cause{CauseRateLimited, CauseQuota, CauseUpstream, CauseUnauthorized, CauseUnreachable}
		cause := causes[s.rng.IntN(len(causes))]
		s.up.err = &UpstreamError{Cause: cause, RetryAfter: s.between(0, 20*time.Second), Err: errors.New(string(cause))}
		s.note("upstream fails: %s", cause)
		s.after(a, func() { s.up.err = nil; s.note("upstream works again") })
	case 15:
		st.down = true
		s.note("store is down")
		s.after(a, func() { st.down = false; s.note("store is up") })
	case 16:
		if !st.down {
			s.check.reloads++
			st.reload()
		}
	}
}

// victim is often the leader.
func (s *sim) victim() *simProc {
	if s.chance(0.6) {
		for _, p := range s.procs {
			if p.alive() && p.core.ten != nil {
				return p
			}
		}
	}
	return s.procs[s.rng.IntN(len(s.procs))]
}

// heal ends all faults. What was delayed on the network still comes.
func (s *sim) heal() {
	s.healed = true
	s.note("everything heals")
	st := s.store
	st.loseRequest, st.loseReply, st.late, st.twice = 0, 0, 0, 0
	st.down, st.stalled = false, s.now
	s.up.err = nil
	for _, p := range s.procs {
		p.cut, p.cutUp = false, false
		p.thaw()
		if !p.alive() {
			p.boot()
		}
	}
	if s.tampers {
		s.operate() // a replayed pin stays with those that never saw a later one
	}
}

// settling is how long the fleet may take: a take-over, an interval, and what
// is left of waits that failures asked for.
func (s *sim) settling() time.Duration {
	var wait time.Duration
	for _, p := range s.procs {
		wait = max(wait, p.core.notBefore().Sub(p.clock()))
	}
	if f := s.store.state.Failure; f.Exists() {
		wait = max(wait, f.NotBefore.Sub(s.store.serverNow()))
	}
	if s.store.clockMoved {
		wait += MaxLease
	}
	if i := s.store.interop; i != nil && i.locked(s.store.serverNow()) {
		wait += i.until.Sub(s.store.serverNow()) // a dead one's lock runs out by the server's clock
	}
	return settleNetwork + wait + abstainFor + 15*time.Second + s.interval*11/10
}

// settleNetwork is when the last message that was delayed has come.
const settleNetwork = 47 * time.Second

func BenchmarkSimulation(b *testing.B) {
	for i := range b.N {
		if s := simulate(uint64(i+1), false); s.check.err != nil {
			b.Fatal(fmt.Errorf("seed %d: %w", i+1, s.check.err))
		}
	}
}
