package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/posthogapi"
)

// syncOnce takes part in the fleet until one answer of PostHog's is stored, and
// gives the lease back. If another process leads it changes nothing. interval is
// the time between two of them, after which PostHog is asked again if it fails;
// zero: the fleet's default.
func syncOnce(ctx context.Context, store flagcache.Store, client *posthogapi.Client, interval time.Duration) (*syncReport, error) {
	host, _ := os.Hostname()
	name := fmt.Sprintf("sync on %s, process %d", host, os.Getpid())
	rec, err := store.Record(ctx)
	if err == nil && rec.Live() {
		return ledBy(rec), nil
	}
	if err == nil {
		// Without it a poll would not be due before an interval has passed.
		rec, err = store.RequestReload(ctx)
	}
	if err != nil {
		return nil, &stop{code: exitStore, err: err}
	}
	fleet, err := flagcache.New(store, flagcache.Options{Name: name, Interval: interval, IgnorePins: true})
	if err != nil {
		return nil, err
	}
	s := &oneShot{Upstream: flagcache.PostHog(client), changed: make(chan struct{}, 1)}
	inFleet, leave := context.WithCancel(ctx)
	left := make(chan error, 1)
	go func() { left <- fleet.Run(inFleet, s, s) }()
	err = s.await(ctx, fleet, name, rec.Head.Position)
	leave()
	if runErr := <-left; runErr != nil {
		return nil, runErr
	}
	if errors.Is(err, errLed) {
		if rec, err = store.Record(ctx); err == nil {
			return ledBy(rec), nil
		}
		err = &stop{code: exitStore, err: err}
	}
	if err != nil {
		return nil, err
	}
	return s.report(fleet.Status()), nil
}

func ledBy(rec flagcache.Record) *syncReport {
	r := &syncReport{Outcome: syncLed, Changes: noChanges(), Leader: rec.Lease.Holder, Revision: rec.Head.Revision.String()}
	if rec.Head.Exists() && !rec.Head.CheckedAt.IsZero() {
		age := max(0, rec.Now.Sub(rec.Head.CheckedAt)).Seconds()
		r.AgeSeconds = &age
	}
	return r
}

var errLed = errors.New("another process leads")

// oneShot is both ends of a fleet of which one poll is wanted.
type oneShot struct {
	flagcache.Upstream
	changed chan struct{} // has a value after each change of the status

	mu      sync.Mutex
	applied []*flagcache.Entry // what the store had, and what it has now
	failed  error              // why the last poll failed
}

// await returns when an answer is stored beyond before, or it is clear that
// none will be.
func (o *oneShot) await(ctx context.Context, fleet *flagcache.Fleet, name string, before flagcache.Position) error {
	for {
		s := fleet.Status()
		switch {
		case s.Counters.Saves+s.Counters.Confirms > 0 && s.Position.After(before):
			return nil
		case s.Leader != "" && s.Leader != name:
			return errLed
		case s.Role == flagcache.RoleCutOff:
			return &stop{code: exitStore, err: s.StoreErr}
		case s.Counters.Failed > 0:
			return &stop{code: exitUpstream, err: cmp.Or(o.failure(), errors.New(string(s.Failure)))}
		case s.Failure != "" && time.Now().Before(s.NotBefore):
			return &stop{code: exitUpstream, err: fmt.Errorf("PostHog was not asked: it failed before (%s), and is left alone until %s", s.Failure, clock(s.NotBefore))}
		}
		select {
		case <-o.changed:
		case <-ctx.Done():
			if err := fleet.Status().StoreErr; err != nil {
				return &stop{code: exitStore, err: err}
			}
			return &stop{code: exitUpstream, err: fmt.Errorf("wait for an answer: %w", ctx.Err())}
		}
	}
}

// report says what came of a poll that was stored.
func (o *oneShot) report(s flagcache.Status) *syncReport {
	o.mu.Lock()
	defer o.mu.Unlock()
	age := max(0, time.Since(s.ConfirmedAt)).Seconds()
	r := &syncReport{Outcome: syncUnchanged, Changes: noChanges(), Revision: s.Revision.String(), AgeSeconds: &age}
	now := o.applied[len(o.applied)-1]
	var before []byte
	if len(o.applied) > 1 {
		before = o.applied[len(o.applied)-2].Body
	}
	switch {
	case s.Counters.NotModified > 0:
		r.Outcome = syncNotModified
	case now.Epoch == s.Position.Epoch:
		r.Outcome, r.First = syncStored, before == nil
		r.Changes = compareDocuments(before, now.Body)
	}
	if defs, err := flagdef.Parse(now.Body); err == nil { // it was parsed before
		r.Flags = len(defs.Flags)
	}
	return r
}

// Fetch asks PostHog, and keeps why it failed.
func (o *oneShot) Fetch(ctx context.Context, etag string) (flagcache.Answer, error) {
	a, err := o.Upstream.Fetch(ctx, etag)
	o.fail(err)
	return a, err
}

// Current is nil: what is stored is loaded, to be compared.
func (*oneShot) Current() *flagcache.Entry { return nil }

// Check reports whether a document can be read as definitions.
func (o *oneShot) Check(e *flagcache.Entry) error {
	_, err := flagdef.Parse(e.Body)
	o.fail(err)
	return err
}

// Apply keeps a document.
func (o *oneShot) Apply(e *flagcache.Entry) error {
	if _, err := flagdef.Parse(e.Body); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.applied = append(o.applied, e)
	return nil
}

// Notice wakes who waits.
func (o *oneShot) Notice(flagcache.Status) {
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

func (o *oneShot) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.failed = err
	}
}

func (o *oneShot) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed
}
