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
		calls:    newBounded(),
		fetches:  newBounded(),
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
	if !l.started.Load() {
		return ErrStopped
	}
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

func (l *lifted) poll(ctx context.Context) error {
	l.leads = l.shouldFetch(ctx)
	if l.leads {
		return l.fetch(ctx)
	}
	l.unstored = nil // whoever leads now stores its own
	err := l.read(ctx)
	if err != nil {
		l.log.Warn("cached flag definitions could not be read", "error", err)
	}
	if l.held == nil {
		return l.fetch(ctx)
	}
	return err
}

func (l *lifted) shouldFetch(ctx context.Context) bool {
	got := make(chan bool, 1)
	err := l.calls.run(ctx, l.opts.Timeout, func(ctx context.Context) error {
		yes, err := l.provider.ShouldFetchFlagDefinitions(ctx)
		got <- yes
		return err
	})
	l.asked = true
	l.note(err)
	if err != nil {
		l.log.Warn("the provider could not decide who fetches, so this process does", "error", err)
		return true
	}
	return <-got
}

// read takes what is cached. Nothing cached is no error.
func (l *lifted) read(ctx context.Context) error {
	got := make(chan *FlagDefinitions, 1)
	err := l.calls.run(ctx, l.opts.Timeout, func(ctx context.Context) error {
		d, err := l.provider.FlagDefinitions(ctx)
		got <- d
		return err
	})
	l.note(err)
	if err != nil {
		return fmt.Errorf("read cached definitions: %w", err)
	}
	d := <-got
	if d == nil {
		return nil
	}
	body, err := d.Document()
	if err != nil {
		return err
	}
	l.n.Loads++
	// What a provider returns carries no ETag: with a document of the cache, the
	// next request is unconditional, unless it is the one that upstream sent.
	e := NewEntry(Scope{}, body, "")
	if l.held != nil && l.held.Revision == e.Revision {
		l.confirmed = time.Now()
		return nil
	}
	if err := l.sink.Check(e); err != nil {
		l.n.BadEntries++
		return fmt.Errorf("use cached definitions: %w", err)
	}
	return l.apply(e)
}

func (l *lifted) apply(e *Entry) error {
	if err := caught(context.Background(), func(context.Context) error { return l.sink.Apply(e) }); err != nil {
		l.n.BadEntries++
		return fmt.Errorf("apply definitions: %w", err)
	}
	light := *e
	light.Body = nil
	l.held, l.confirmed = &light, time.Now()
	l.n.Applied++
	return nil
}

func (l *lifted) fetch(ctx context.Context) error {
	if wait := time.Until(l.failure.until); wait > 0 {
		return fmt.Errorf("upstream is left alone for %v after %s", wait.Round(time.Second), l.failure.cause)
	}
	etag := ""
	if l.held != nil {
		etag = l.held.ETag
	}
	a, err := askUpstream(ctx, l.fetches, l.opts.FetchTimeout, l.up, l.sink, Scope{}, etag)
	if err != nil {
		return l.failed(err)
	}
	l.failure = failure{}
	if a.NotModified {
		l.n.NotModified++
		l.confirmed = time.Now()
		l.store(ctx, l.unstored)
		return nil
	}
	l.n.Full++
	e := NewEntry(Scope{}, a.Body, a.ETag)
	e.FetchedAt, e.CheckedAt = time.Now(), time.Now()
	if err := l.apply(e); err != nil {
		return err
	}
	if !l.leads {
		return nil // it was needed here, but is not this process's to store
	}
	d, err := ParseFlagDefinitions(a.Body)
	if err != nil {
		return err
	}
	l.store(ctx, d)
	return nil
}

// store hands d to the provider, again at each poll until it was taken. Nil is
// nothing to store.
func (l *lifted) store(ctx context.Context, d *FlagDefinitions) {
	l.unstored = d
	if d == nil {
		return
	}
	err := l.calls.run(ctx, l.opts.Timeout, func(ctx context.Context) error {
		return l.provider.OnFlagDefinitionsReceived(ctx, d)
	})
	l.note(err)
	if err != nil {
		l.log.Warn("flag definitions could not be stored, trying again at the next poll", "error", err)
		return
	}
	l.unstored = nil
	l.n.Saves++
}

func (l *lifted) failed(err error) error {
	cause, after := causeOf(err)
	count := l.failure.count + 1
	wait := min(l.opts.Interval<<min(count-1, 16), max(maxBackoff, l.opts.Interval))
	wait = min(max(wait, after), maxNotBefore)
	if count == 1 && after == 0 {
		wait = 0 // the next poll is an interval away as it is
	}
	l.failure = failure{until: time.Now().Add(wait), count: count, cause: cause}
	l.n.Failed++
	l.log.Warn("upstream could not be read", "cause", cause, "wait", wait, "error", err)
	return fmt.Errorf("fetch definitions: %w", err)
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
	}
	if s.Failure != "" {
		s.NotBefore = l.failure.until
	}
	old := l.status.Swap(&s)
	if l.sink != nil && (old == nil || !old.sameAs(s)) {
		l.sink.Notice(s)
	}
}
