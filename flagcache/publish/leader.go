package publish

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// Leader is a process's part in a fleet that also publishes what it serves, for as
// long as it leads. It is the [flagcache.Coordinator] to use in place of the Fleet.
//
// A place that fails or is slow delays nothing but itself: it is tried again, with
// the latest document alone. Every process of the fleet that may lead has to
// publish; the others attach with ReadOnly. Without the store, while nobody knows
// who leads, nothing is published.
type Leader struct {
	*flagcache.Fleet
	to  flagcache.Publisher
	log *slog.Logger

	wake chan struct{} // holds one: there may be something to do

	mu        sync.Mutex
	offered   *offer
	interrupt context.CancelFunc // ends the attempt under way; nil: there is none
	state     State
}

var _ flagcache.Coordinator = (*Leader)(nil)

// offer is what is to be published. It does not change.
type offer struct {
	entry *flagcache.Entry // without a position
	epoch uint64           // of the lease
}

// State says what came of publishing, since the start of this process.
type State struct {
	Revision flagdef.Revision // the last that it published; zero: none
	At       time.Time        // when it was last written
	Err      error            // why the last attempt failed; nil if it did not

	Written    uint64 // documents written, confirmed ones included
	Superseded uint64 // times that somebody else had published something newer
	Failed     uint64 // attempts that failed
}

// NewLeader makes a coordinator of a fleet that was not run yet. The publisher has
// to be of the same scope. A nil logger discards.
func NewLeader(fleet *flagcache.Fleet, to flagcache.Publisher, log *slog.Logger) (*Leader, error) {
	switch {
	case fleet == nil || to == nil:
		return nil, errors.New("publish: no fleet, or no publisher")
	case fleet.Scope().Canonical() != to.Scope().Canonical():
		return nil, errors.New("publish: the fleet and the publisher are of different projects or hosts")
	case log == nil:
		log = slog.New(slog.DiscardHandler)
	}
	return &Leader{Fleet: fleet, to: to, log: log, wake: make(chan struct{}, 1)}, nil
}

// Run takes part in the fleet until ctx ends. Then it ends a write that is under
// way, and releases the lease after that: the next leader comes after it.
func (l *Leader) Run(ctx context.Context, up flagcache.Upstream, sink flagcache.Sink) error {
	if sink == nil {
		return l.Fleet.Run(ctx, up, nil) // which says what is wrong with that
	}
	leading, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	publishing, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.publish(publishing)
		leave()
	}()
	err := l.Fleet.Run(leading, up, &listener{Sink: sink, to: l})
	stop()
	<-done
	return err
}

// Published says how publishing goes. It does not block.
func (l *Leader) Published() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// listener is a fleet's sink that shows the leader what is served.
type listener struct {
	flagcache.Sink
	to *Leader

	mu   sync.Mutex
	held *flagcache.Entry // with its bytes
}

// Current is the document of a file or a bootstrap. The store may confirm it, and
// it is not applied then.
func (s *listener) Current() *flagcache.Entry {
	e := s.Sink.Current()
	s.hold(e)
	return e
}

// Apply makes e the document that is served, also a pinned one.
func (s *listener) Apply(e *flagcache.Entry) error {
	err := s.Sink.Apply(e)
	if err == nil {
		s.hold(e)
	}
	return err
}

// Notice offers what is served, if this process leads.
func (s *listener) Notice(now flagcache.Status) {
	s.Sink.Notice(now)
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	switch {
	case now.Epoch == 0:
		s.to.offer(nil)
	case held == nil || held.Revision != now.Revision: // it is being replaced: the notice of that comes
	default:
		e := *held
		e.Signature = "" // the position that it is published under is not signed
		e.ETag, e.CheckedAt = now.ETag, now.ConfirmedAt
		s.to.offer(&offer{entry: &e, epoch: now.Epoch})
	}
}

func (s *listener) hold(e *flagcache.Entry) {
	if e != nil && e.Body != nil {
		s.mu.Lock()
		s.held = e
		s.mu.Unlock()
	}
}

// offer replaces what is to be published; nil: nothing is. The attempt under way
// ends if it is of another tenure.
func (l *Leader) offer(o *offer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if was := l.offered; was != nil && l.interrupt != nil && (o == nil || o.epoch != was.epoch) {
		l.interrupt()
	}
	if o == nil {
		l.state.Err = nil
	}
	l.offered = o
	select {
	case l.wake <- struct{}{}:
	default: // one is enough
	}
}
