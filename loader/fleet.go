package loader

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// stopTimeout is for a coordinator to give back what it holds.
const stopTimeout = 10 * time.Second

// errCutOff is the cause while the store is out of reach, until upstream was
// asked without it.
var errCutOff = errors.New("the shared cache is out of reach")

var errUnfed = errors.New("nobody leads, and nothing was confirmed for ten intervals: is the process that feeds the shared cache running? If it does so rarely, set the reader's Interval to that")

// fleet is the feeder of a process that shares definitions with others: it runs
// a coordinator, as its upstream and its sink. What the coordinator says from
// its goroutines is passed on by the one that runs the fleet.
type fleet struct {
	coordinator flagcache.Coordinator
	upstream    flagcache.Upstream // nil if the coordinator only reads
	scope       flagcache.Scope    // zero: not known
	start       *flagcache.Entry   // what is served before the coordinator runs

	calls  chan func()                      // into the sink
	notice atomic.Pointer[flagcache.Status] // the latest, until it is heeded
	rung   chan struct{}                    // holds one: there is a notice
	life   context.Context                  // ends with run
	end    context.CancelFunc

	fetched atomic.Pointer[fetched]

	// Only the goroutine of run uses these.
	to          sink
	served      flagdef.Revision
	parsed      parsed    // checked and not applied yet
	confirmedAt time.Time // the greatest seen
	cutOff      bool
	trouble     error // what has happened since then, and is no failure of upstream's
}

// fetched is what came of this process's last request to upstream.
type fetched struct {
	revision flagdef.Revision // of a document; zero if none came
	err      error
}

// parsed is a document that was checked.
type parsed struct {
	revision flagdef.Revision
	defs     *flagdef.Definitions // nil: none was
}

// Reads reports whether a coordinator that has not run yet is one that only
// reads, so that it needs no upstream.
func Reads(c flagcache.Coordinator) bool {
	return c != nil && c.Status().Role == flagcache.RoleReader
}

func newFleet(cfg Config, start *document) (*fleet, error) {
	f := &fleet{
		coordinator: cfg.Coordinator,
		upstream:    cfg.Upstream,
		scope:       flagcache.Scope{Project: cfg.ProjectToken, Host: cfg.Host},
		calls:       make(chan func()),
		rung:        make(chan struct{}, 1),
	}
	if c, ok := cfg.Coordinator.(interface{ Scope() flagcache.Scope }); ok && f.foreign(c.Scope()) {
		return nil, fmt.Errorf("loader config: use Coordinator: %w", errForeign)
	}
	f.life, f.end = context.WithCancel(context.Background())
	if start != nil {
		f.start = flagcache.NewEntry(f.scope, start.body, start.etag)
		f.start.FetchedAt, f.start.CheckedAt = start.fetchedAt, start.checkedAt
		if now := time.Now(); f.start.CheckedAt.After(now) {
			f.start.CheckedAt = now // a clock was set back
		}
		f.served, f.confirmedAt = f.start.Revision, f.start.CheckedAt.Add(time.Millisecond) // clocks are converted, and rounded
	}
	return f, nil
}

func (f *fleet) run(ctx context.Context, to sink) error {
	defer f.end()
	f.to = to
	to.asking()
	ran := make(chan error, 1)
	go func() {
		up := flagcache.Upstream(f)
		if f.upstream == nil {
			up = nil
		}
		ran <- f.coordinator.Run(ctx, up, f)
	}()
	closing := ctx.Done()
	var late <-chan time.Time
	for {
		select {
		case err := <-ran:
			if err == nil && ctx.Err() == nil {
				err = errors.New("it ended by itself")
			}
			if err != nil {
				err = fmt.Errorf("run coordinator: %w", err)
				to.failed(err)
			}
			return err
		case <-closing:
			closing, late = nil, time.After(stopTimeout)
		case <-late:
			return fmt.Errorf("stop coordinator: it did not end within %v", stopTimeout)
		case <-f.rung:
			f.heed()
		case call := <-f.calls:
			f.heed() // in the order in which it was said
			call()
		}
	}
}

// call has the goroutine of run do something, and waits for it.
func (f *fleet) call(do func()) error {
	done := make(chan struct{})
	select {
	case f.calls <- func() { do(); close(done) }:
		<-done
		return nil
	case <-f.life.Done():
		return ErrClosed
	}
}

// heed passes on what the last notice says. A document that is being served was
// confirmed, unless upstream, the store or the document next to it say otherwise.
func (f *fleet) heed() {
	s := f.notice.Swap(nil)
	if s == nil || s.Role == flagcache.RoleStopped {
		return
	}
	confirmed := s.Position != flagcache.Position{}
	if s.ConfirmedAt.After(f.confirmedAt) {
		f.confirmedAt, f.trouble = s.ConfirmedAt, nil
		confirmed = true
	}
	if cutOff := s.Role == flagcache.RoleCutOff; cutOff != f.cutOff {
		f.cutOff = cutOff
		switch {
		case cutOff:
			f.trouble = fmt.Errorf("%w: %w", errCutOff, s.StoreErr)
		case errors.Is(f.trouble, errCutOff):
			f.trouble = nil
		}
	}
	switch {
	case s.Failure != "":
		f.to.failed(f.failure(s.Failure))
	case f.trouble != nil:
		f.to.failed(f.trouble)
	case s.Loaded && s.Revision == f.served && confirmed:
		source := FromStore
		if (s.Role == flagcache.RoleLeader || f.cutOff) && !s.Pin.Exists() {
			source = FromUpstream
		}
		f.to.confirmed(s.ETag, source, s.ConfirmedAt)
	}
}

// failure is why upstream could not be read: in its own words if this process
// asked it.
func (f *fleet) failure(cause flagcache.Cause) error {
	if cause == flagcache.CauseBadDocument && f.trouble != nil {
		return &flagcache.UpstreamError{Cause: cause, Err: f.trouble}
	}
	if last := f.fetched.Load(); last != nil && causeOf(last.err) == cause {
		return last.err
	}
	if cause == flagcache.CauseUnfed {
		return &flagcache.UpstreamError{Cause: cause, Err: errUnfed}
	}
	return &flagcache.UpstreamError{Cause: cause, Err: errors.New("upstream could not be read for this fleet")}
}

// causeOf is the cause of an error of upstream's, empty of any other.
func causeOf(err error) flagcache.Cause {
	if u, ok := errors.AsType[*flagcache.UpstreamError](err); ok {
		return u.Cause
	}
	return ""
}

func (f *fleet) reload(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.life, cancel)()
	err := f.coordinator.Reload(ctx)
	if err == nil {
		err = f.call(func() {}) // the notice of it is heeded
	}
	if u, ok := errors.AsType[*flagcache.UpstreamError](err); ok {
		if last := f.fetched.Load(); last != nil && causeOf(last.err) == u.Cause {
			err = fmt.Errorf("%w: %w", err, last.err) // in its own words, as this process asked
		}
	}
	if errors.Is(err, flagcache.ErrStopped) || err != nil && f.life.Err() != nil {
		return ErrClosed
	}
	return err
}

func (f *fleet) complete(s *Status) {
	c := f.coordinator.Status()
	s.Role, s.Leader, s.Position, s.StoreErr = c.Role, c.Leader, c.Position, c.StoreErr
	s.Pin, s.Latest = c.Pin, c.Latest
	s.Full, s.NotModified, s.Failed = c.Counters.Full, c.Counters.NotModified, c.Counters.Failed
}
