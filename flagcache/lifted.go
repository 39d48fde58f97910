package flagcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// FromProvider makes a coordinator of a provider's four methods, with the error
// behaviour that PostHog documents for them. It promises no more than the
// provider does: who leads, and in which order documents are stored, is the
// provider's affair. Options are as for [New]; Name and ReadOnly mean nothing.
func FromProvider(p FlagDefinitionCacheProvider, o Options) (Coordinator, error) {
	if p == nil {
		return nil, errors.New("use provider: it is nil")
	}
	o = o.withDefaults()
	if o.Interval < time.Second {
		return nil, fmt.Errorf("use provider: interval %v is below a second", o.Interval)
	}
	l := &lifted{
		provider: p,
		opts:     o,
		log:      o.Logger,
		calls:    newBounded(maxHung),
		fetches:  newBounded(maxHung),
		polls:    make(chan chan error),
		stopped:  make(chan struct{}),
	}
	l.show()
	return l, nil
}

// lifted runs a provider. Its fields below the channels belong to Run.
type lifted struct {
	provider FlagDefinitionCacheProvider
	opts     Options
	log      *slog.Logger
	calls    bounded // of the provider
	fetches  bounded
	started  atomic.Bool
	status   atomic.Pointer[Status]
	polls    chan chan error // polls asked for by Reload
	stopped  chan struct{}   // closed when Run returns

	up        Upstream
	sink      Sink
	held      *Entry           // what is served, without its body; nil if nothing
	confirmed time.Time        // when upstream or the provider last gave it
	unstored  *FlagDefinitions // what the provider failed to store
	leads     bool
	asked     bool // the provider was asked at least once
	storeErr  error
	failure   failure
	n         Counters
}

func (l *lifted) Status() Status { return *l.status.Load() }

func (l *lifted) Run(ctx context.Context, up Upstream, sink Sink) error {
	if up == nil || sink == nil {
		return errors.New("run provider: upstream or sink is missing")
	}
	if !l.started.CompareAndSwap(false, true) {
		return errors.New("run provider: it was run already")
	}
	defer close(l.stopped)
	l.up, l.sink = up, sink
	if e := sink.Current(); e != nil {
		light := *e
		light.Body, light.Position = nil, Position{}
		l.held, l.confirmed = &light, e.CheckedAt
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		var asker chan error
		select {
		case <-ctx.Done():
			continue
		case <-timer.C:
		case asker = <-l.polls:
		}
		err := l.poll(ctx)
		l.show()
		if asker != nil {
			asker <- err
		}
		timer.Reset(time.Duration(float64(l.opts.Interval) * (1 + rand.Float64()/10)))
	}
	l.shutdown(context.WithoutCancel(ctx))
	return nil
}

// Reload polls now, through the provider's decision.
func (l *lifted) Reload(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case l.polls <- done:
	case <-l.stopped:
		return ErrStopped
	case <-ctx.Done():
		return fmt.Errorf("reload: %w", ctx.Err())
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("reload: %w", ctx.Err())
	}
}

func (l *lifted) shutdown(ctx context.Context) {
	err := l.calls.run(ctx, l.opts.Timeout, l.provider.Shutdown)
	if err != nil {
		l.log.Warn("the provider did not shut down", "error", err)
	}
	l.show()
	s := l.Status()
	s.Role = RoleStopped
	l.status.Store(&s)
	l.sink.Notice(s)
}

func (l *lifted) note(err error) {
	l.storeErr = err
	if err != nil {
		l.n.StoreErrors++
	}
}

// show publishes the status.
func (l *lifted) show() {
	s := Status{Role: RoleStarting, StoreErr: l.storeErr, Failure: l.failure.cause, Counters: l.n}
	switch {
	case l.asked && l.leads:
		s.Role = RoleLeader
	case l.asked:
		s.Role = RoleFollower
	}
	if l.held != nil {
		s.Loaded, s.Revision, s.ETag, s.ConfirmedAt = true, l.held.Revision, l.held.ETag, l.confirmed
		s.Latest = s.Revision
	}
	if s.Failure != "" {
		s.NotBefore = l.failure.until
	}
	old := l.status.Swap(&s)
	if l.sink != nil && (old == nil || !old.sameAs(s)) {
		l.sink.Notice(s)
	}
}
