package flagcache

import (
	"cmp"
	"fmt"
	"testing"
	"time"
)

// simForeign is a process in another language that shares the keys. It polls as
// its SDK does, and knows neither epochs nor numbers.
type simForeign struct {
	s     *sim
	i     *simInterop
	id    int
	habit habit
	token string

	loaded, etag string
	alive        bool
	interval     time.Duration // between polls; zero means foreignInterval
}

// habit is what an SDK does in its own way.
type habit struct {
	name     string
	unlocks  bool                // deletes the lock after storing, whoever holds it
	fails    bool                // does not reach upstream, and keeps its lock
	rewrites bool                // stores again what it reads, without what it does not know
	shape    func(string) string // of a document that it stores
}

func shaped(as string) func(string) string {
	return func(body string) string { return fmt.Sprintf(`{"%s":%s}`, as, body) }
}

var habits = []habit{
	{name: "knows no epoch", shape: func(body string) string { return body + "\n" }},
	{name: "camelCase", unlocks: true, shape: shaped("groupTypeMapping")},
	{name: "strips fields", shape: shaped("typed"), rewrites: true},
	{name: "fails", fails: true, shape: func(body string) string { return body }},
}

const foreignInterval = 30 * time.Second

func (f *simForeign) name() string { return fmt.Sprintf("SDK %d (%s)", f.id, f.habit.name) }

// live polls until everything heals; then it leaves, as a process does that is
// stopped or killed.
func (f *simForeign) live() {
	switch {
	case f.s.healed:
		if f.alive && f.s.chance(0.5) {
			f.i.unlock(f.token)
		}
		return
	case f.alive:
		f.poll()
	}
	f.s.after(cmp.Or(f.interval, foreignInterval), f.live)
}

func (f *simForeign) poll() {
	leads, err := f.i.lead(f.token)
	if err == nil && !leads {
		body, err := f.i.get()
		if err == nil {
			f.loaded = body
			if f.habit.rewrites && f.s.chance(0.6) {
				f.i.set(f.name(), f.habit.shape(simDoc(1)))
			}
			return
		}
		if f.loaded != "" {
			return
		}
	}
	f.fetch()
}

// fetch asks upstream and stores the answer, sometimes much later: the process
// was paused.
func (f *simForeign) fetch() {
	if f.habit.fails || f.s.up.err != nil || f.etag == f.s.up.body {
		return
	}
	body := f.s.up.body
	f.etag = body
	pause := f.s.between(20*time.Millisecond, 600*time.Millisecond)
	if f.s.chance(0.4) {
		pause = f.s.between(time.Second, 40*time.Second)
	}
	f.s.after(pause, func() {
		f.loaded = f.habit.shape(body)
		f.i.set(f.name(), f.loaded)
		if f.habit.unlocks {
			f.i.unlock("")
		}
	})
}

// withForeigners lets one to four processes of other SDKs share the store.
func withForeigners(s *sim) {
	i := newSimInterop(s)
	for id := range 1 + s.rng.IntN(4) {
		f := &simForeign{s: s, i: i, id: id, habit: habits[s.rng.IntN(len(habits))], token: fmt.Sprint("uuid-", id), alive: true}
		f.interval = s.between(3*time.Second, foreignInterval)
		s.after(s.between(0, 20*time.Second), f.live)
		s.every(s.between(30*time.Second, 3*time.Minute), func() { // dies with its lock, or comes back with nothing
			f.alive, f.loaded, f.etag = !f.alive, "", ""
		})
	}
}

// TestSimulatedInterop runs the same faults on the layout that other SDKs share,
// with some that overwrite, delete locks, strip fields, and fail while they lead.
// What is held is less: whoever has definitions goes back only while no lease of
// hogflags's is in force, and once the others are gone all is as it should be,
// a lock's length later.
func TestSimulatedInterop(t *testing.T) { simulateSeeds(t, *simSeeds/5, withForeigners) }

// peaceful is a fleet without faults, on the shared layout.
func peaceful(t *testing.T, seed uint64, n int) (*sim, *simInterop) {
	t.Helper()
	s := newSim(seed, n, 30*time.Second)
	i := newSimInterop(s)
	for _, p := range s.procs {
		p.readOnly = false
	}
	t.Cleanup(func() {
		if s.check.err != nil {
			t.Error(s.check.err)
		}
	})
	return s, i
}

func (s *sim) bootAll() {
	for _, p := range s.procs {
		p.boot()
	}
}

func (s *sim) loaded() (n int) {
	for _, p := range s.procs {
		if p.alive() && p.core.doc.entry != nil {
			n++
		}
	}
	return n
}

func (s *sim) leaders() (n int) {
	for _, p := range s.procs {
		if p.alive() && p.core.ten != nil {
			n++
		}
	}
	return n
}

// A leader of another SDK's that fails and keeps its lock starves the fleet, which
// is told nothing and does not break in; when it dies, its lock is the wait.
func TestFailingForeignLeader(t *testing.T) {
	s, i := peaceful(t, 3, 5)
	f := &simForeign{s: s, i: i, habit: habits[3], token: "uuid", alive: true}
	f.live()
	s.bootAll()
	s.run(10 * time.Minute)
	if s.loaded() != 0 || s.leaders() != 0 || s.check.led != 0 {
		t.Errorf("%d processes have definitions, %d lead, %d requests; want none while the lock is held", s.loaded(), s.leaders(), s.check.led)
	}
	f.alive = false
	s.run(foreignLock + 15*time.Second)
	if s.loaded() != 5 || s.leaders() != 1 {
		t.Errorf("a lock's length after its death %d of 5 have definitions, %d lead", s.loaded(), s.leaders())
	}
}

// A healthy leader of another SDK's is followed, within a look; its death costs a
// lock's length, in which everybody keeps what it has.
func TestHealthyForeignLeader(t *testing.T) {
	for _, h := range habits[:1] {
		s, i := peaceful(t, 5, 5)
		f := &simForeign{s: s, i: i, habit: h, token: "uuid", alive: true}
		f.live()
		s.run(10 * time.Second)
		s.bootAll()
		for version := 2; version < 6; version++ {
			s.up.body = simDoc(version)
			s.run(foreignInterval + 45*time.Second)
			want := RevisionOf([]byte(h.shape(simDoc(version))))
			for _, p := range s.procs {
				if e := p.core.doc.entry; e == nil || e.Revision != want || e.ETag != "" {
					t.Fatalf("%s serves %+v, want version %d as the other SDK stored it", p.name(), e, version)
				}
			}
		}
		if s.check.led != 0 {
			t.Errorf("%d requests beside the other SDK's", s.check.led)
		}
		f.alive = false
		s.up.body = simDoc(9)
		s.run(foreignLock + 15*time.Second)
		s.check.converged(true)
	}
}

// A late write of another SDK's steps back who starts then, for an interval at the
// most, and nobody else.
func TestForeignWriterStepsBack(t *testing.T) {
	s, i := peaceful(t, 7, 4)
	late := s.procs[3]
	for _, p := range s.procs[:3] {
		p.boot()
	}
	s.up.body = simDoc(5)
	s.run(45 * time.Second) // in the middle between two polls
	old := habits[1].shape(simDoc(1))
	i.set("a thawed process", old)
	late.boot()
	s.run(3 * time.Second)
	if e := late.core.doc.entry; e == nil || e.Revision != RevisionOf([]byte(old)) {
		t.Errorf("who starts with nothing serves %+v, want what there is", e)
	}
	want := RevisionOf([]byte(simDoc(5)))
	for _, p := range s.procs[:3] {
		if e := p.core.doc.entry; e.Revision != want {
			t.Errorf("%s went back", p.name())
		}
	}
	s.run(s.interval*11/10 + tryEvery)
	s.check.converged(true)
}

// The simulation is worth something only if the others get in the way.
func TestForeignersGetInTheWay(t *testing.T) {
	if testing.Short() {
		t.Skip("counts over whole runs")
	}
	taken, aside, held := 0, 0, 0
	for seed := uint64(1); seed <= 16; seed++ {
		s := simulateWith(seed, func(s *sim) { withForeigners(s); s.store.interop.keep = true })
		for at := range s.store.interop.places {
			if at.Epoch == 1 {
				aside++
			} else {
				taken++
			}
		}
		for _, step := range s.store.interop.log {
			if step.Op == "acquire" && step.Answer == ErrHeld.Error() && step.Expires == 0 {
				held++
			}
		}
	}
	t.Logf("%d documents of others taken by all, %d by who had nothing, %d bids refused for their lock", taken, aside, held)
	if taken < 20 || aside < 10 || held < 10 {
		t.Errorf("too few to count")
	}
}
