package flagcache

import (
	crand "crypto/rand"
	"log/slog"
	"math/rand/v2"
	"time"
)

// The protocol's times. They hang together (a take-over within 15 s is
// leaseTTL + tryEvery + what the calls take), so they are not options.
const (
	leaseTTL    = 12 * time.Second
	renewEvery  = 3 * time.Second
	tryEvery    = 2 * time.Second
	saveMargin  = time.Second           // the tenure ends this much before the lease, by the holder's clock
	abstainFor  = 5 * time.Second       // who failed leaves a free lease to others this long
	retryEvery  = time.Second           // after a store operation whose outcome is unknown
	reloadGap   = time.Second           // between polls that reloads ask for
	hintGap     = 20 * time.Millisecond // between looks that hints ask for
	downAfter   = 2                     // operations in a row that tell nothing: the store is down
	offlineWait = 10                    // intervals that others wait while the store is down
	forgive     = 3                     // confirmations after which a reader accepts a lower epoch
)

// core is the fleet protocol as a state machine: it knows no I/O, no goroutine
// and no clock. step says what to do now, handle takes what came of it. It is
// not safe for concurrent use.
//
//	            look: lease free                granted
//	following ───────────────────▶ bidding ───────────────▶ leading
//	    ▲                             │ held by another        │ refused, outranked,
//	    └─────────────────────────────┴────────────────────────┤ failed: passes it on
//	    ▲      look answered                                   │
//	cut off ◀──────────────────────────────────────────────────┘ its own clock ran out
type core struct {
	scope    Scope
	name     string
	interval time.Duration
	readOnly bool
	rng      *rand.Rand
	log      *slog.Logger
	newToken func() string // from the system: copies of one process must not draw alike

	ignorePins bool // the sink gets the latest whatever is pinned
	signed     bool // what is older than what was seen is a replay, whoever confirms it

	busy [laneCount]bool // one task at a time in each lane

	// The store, as last seen.
	view      Record
	viewAt    time.Time // this process's clock when the view came
	viewed    bool
	clock     time.Duration // the store's clock less this process's, never more than it truly is
	seen      uint64        // the greatest epoch ever seen
	top       Position      // the greatest position ever seen stored
	nextLook  time.Time
	asked     time.Time // when the last operation of the control lane was sent
	asks      uint64    // how many were
	viewOf    uint64    // to which of them the view is the answer
	hinted    bool      // the record may have changed since
	bidAt     time.Time // zero: not a candidate now
	freeSince time.Time // zero: the lease was held when last seen
	storeErrs int       // in a row
	storeErr  error
	dataErr   error // of the last save or load
	distrust  error // why some of the record is not shown
	downSince time.Time

	doc      document // the latest that this process follows
	shown    *Entry   // what the sink serves, without its body: doc's, but for a pin; nil if nothing
	pin      pinning
	floor    Position // nothing below is ever served
	incoming *Entry   // to be applied
	want     bool     // a newer document is stored
	loadAt   time.Time
	bad      unusable
	lower    Position
	lowered  int

	base       *Entry // with bytes: what the next request may be conditional on
	ten        *tenure
	token      string
	unresolved bool // the last bid under token was not answered, or its lease lapsed

	own        failure // of this process
	shared     Failure // of the fleet, as recorded
	sharedTill time.Time
	report     *report

	offline offline
	served  time.Time // the reload request that the last poll answers, by the store's clock
	settled time.Time // when the last poll whose result is stored was sent, by this process's clock

	n Counters
}

// document is the latest.
type document struct {
	entry     *Entry    // without its body; nil if nothing is loaded
	direct    bool      // fetched without the store
	confirmed time.Time // by this process's clock
	newest    Position  // while direct: the newest position seen since
	newer     int       // while direct: how many
}

func newCore(scope Scope, name string, interval time.Duration, readOnly bool, rng *rand.Rand, log *slog.Logger) *core {
	c := &core{scope: scope.Canonical(), name: name, interval: interval, readOnly: readOnly, rng: rng, log: log, newToken: crand.Text}
	c.offline.delay, c.offline.patience = rng.Float64(), 1+rng.Float64()
	return c
}

// start takes the document that is already being served, nil if there is none.
func (c *core) start(now time.Time, current *Entry) {
	c.nextLook = now
	c.offline.last = now
	if current == nil {
		return
	}
	e := *current
	e.Position = Position{}
	if e.Body != nil {
		full := e
		c.base = &full
	}
	e.Body = nil
	c.doc = document{entry: &e}
	c.show(&e)
	if !e.CheckedAt.IsZero() {
		c.doc.confirmed = earliest(now, c.local(now, e.CheckedAt))
	}
}

// step returns the tasks that are due, and when it wants to be called again if
// nothing happens before.
func (c *core) step(now time.Time) (tasks []task, wake time.Time) {
	c.expire(now)
	wake = now.Add(time.Hour)
	for lane, next := range [laneCount]func(time.Time) (task, time.Time){
		laneControl: c.nextControl,
		laneFetch:   c.nextFetch,
		laneWrite:   c.nextWrite,
		laneLoad:    c.nextLoad,
		lanePin:     c.nextPin,
		laneApply:   c.nextApply,
	} {
		if c.busy[lane] {
			continue
		}
		t, at := next(now)
		if t.kind != taskNone {
			t.lane, t.sent = lane, now
			if lane == laneControl {
				c.asked, c.hinted = now, false
				c.asks++
				t.number = c.asks
			}
			c.busy[lane] = true
			tasks = append(tasks, t)
		} else if at.Before(wake) {
			wake = at
		}
	}
	if c.ten != nil {
		wake = earliest(wake, c.ten.ends())
	}
	return tasks, wake
}

// handle takes the result of a task.
func (c *core) handle(now time.Time, r result) {
	c.busy[r.task.lane] = false
	c.expire(now)
	switch r.task.kind {
	case taskLook:
		c.looked(now, r)
	case taskAcquire:
		c.bidden(now, r)
	case taskRenew:
		c.renewed(now, r)
	case taskFetch:
		c.fetched(now, r)
	case taskSave, taskConfirm:
		c.written(now, r)
	case taskFail:
		c.reported(now, r)
	case taskLoad:
		c.loaded(now, r)
	case taskLoadPin:
		c.loadedPin(now, r)
	case taskApply:
		c.applied(now, r)
	}
}

// hint says that the record may have changed.
func (c *core) hint() {
	c.n.Hints++
	c.hinted = true
	c.nextLook = c.heeding(c.nextLook)
	if c.ten != nil {
		c.ten.nextRenew = c.heeding(c.ten.nextRenew)
	}
}

// heeding brings the next look forward if there was a hint since the last one
// was sent: its answer may be from before the change.
func (c *core) heeding(next time.Time) time.Time {
	if !c.hinted {
		return next
	}
	return earliest(next, c.asked.Add(hintGap))
}

// jitter draws between lo and hi times d.
func (c *core) jitter(d time.Duration, lo, hi float64) time.Duration {
	return time.Duration(float64(d) * (lo + (hi-lo)*c.rng.Float64()))
}

// storeNow is the store's clock, or this process's while that is not known.
func (c *core) storeNow(now time.Time) time.Time {
	return now.Add(c.clock).UTC().Truncate(time.Microsecond)
}

// local is a time of the store's clock by this process's.
func (c *core) local(now, store time.Time) time.Time { return now.Add(store.Sub(c.storeNow(now))) }

func (c *core) down() bool { return c.storeErrs >= downAfter }

var never = time.Unix(1<<40, 0)

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func clamp(d, lo, hi time.Duration) time.Duration { return max(lo, min(d, hi)) }
