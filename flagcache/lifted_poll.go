package flagcache

import (
	"context"
	"fmt"
	"time"
)

// poll is one round: the decision, and then upstream or the cache.
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
	wait := backoff(l.opts.Interval, max(maxBackoff, l.opts.Interval), count)
	wait = min(max(wait, after), maxNotBefore)
	if after == 0 && (count == 1 || cause == CauseUnauthorized) {
		wait = 0 // the next poll is an interval away as it is
	}
	l.failure = failure{until: time.Now().Add(wait), count: count, cause: cause}
	l.n.Failed++
	l.log.Warn("upstream could not be read", "cause", cause, "wait", wait, "error", err)
	return fmt.Errorf("fetch definitions: %w", err)
}
