package flagcache

import (
	"context"
	"errors"
	"sync"
	"time"
)

// runner drives the core: it does the tasks, and hands over what comes of them.
type runner struct {
	*Fleet
	up      Upstream
	sink    Sink
	results chan result
	waiting []*reloading
}

func (r *runner) run(ctx context.Context) error {
	defer close(r.stopped)
	// Operations on the lease outlive ctx for a moment: whoever stops has to
	// know what it holds.
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var watching sync.WaitGroup
	defer watching.Wait()
	if w, ok := r.store.(Watcher); ok {
		watching.Go(func() { r.watch(ctx, w) })
	}

	r.core.start(time.Now(), r.sink.Current())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		tasks, wake := r.core.step(time.Now())
		for _, t := range tasks {
			go r.do(ctx, keep, t)
		}
		now := time.Now()
		r.publish(r.sink, now)
		r.satisfy(now)
		timer.Reset(wake.Sub(now))
		select {
		case res := <-r.results:
			r.core.handle(time.Now(), res)
		case <-timer.C:
		case <-r.hints:
			r.core.hint()
		case q := <-r.reloads:
			r.waiting = append(r.waiting, q)
			r.core.askedToReload(time.Now(), q)
		case <-ctx.Done():
		}
	}
	r.stop(keep)
	return nil
}

// satisfy lets those go on whose reload is served, or is not going to be.
func (r *runner) satisfy(now time.Time) {
	kept := r.waiting[:0]
	for _, q := range r.waiting {
		if !r.core.answers(q) {
			if q.err = r.core.denies(now, q); q.err == nil {
				kept = append(kept, q)
				continue
			}
		}
		close(q.done)
	}
	clear(r.waiting[len(kept):])
	r.waiting = kept
}

// do carries out one task and hands in its result.
func (r *runner) do(ctx, keep context.Context, t task) {
	res := result{task: t}
	store := func(b bounded, ctx context.Context, timeout time.Duration, op func(context.Context) (Record, error)) {
		var rec Record
		res.err = b.run(ctx, timeout, func(ctx context.Context) (err error) {
			rec, err = op(ctx)
			return err
		})
		if definite(res.err) {
			res.record = rec
		}
	}
	switch t.kind {
	case taskLook:
		store(r.control, keep, controlTimeout, r.store.Record)
	case taskAcquire:
		store(r.control, keep, controlTimeout, func(ctx context.Context) (Record, error) {
			return r.store.Acquire(ctx, t.bid, leaseTTL)
		})
	case taskRenew:
		store(r.control, keep, controlTimeout, func(ctx context.Context) (Record, error) {
			return r.store.Renew(ctx, t.claim, leaseTTL)
		})
	case taskSave:
		store(r.data, keep, r.opts.Timeout, func(ctx context.Context) (Record, error) {
			return r.store.Save(ctx, t.claim, t.entry)
		})
	case taskConfirm:
		store(r.data, keep, r.opts.Timeout, func(ctx context.Context) (Record, error) {
			return r.store.Confirm(ctx, t.claim, t.entry.Head)
		})
	case taskFail:
		store(r.data, keep, controlTimeout, func(ctx context.Context) (Record, error) {
			rec, err := r.store.Fail(ctx, t.claim, t.failure)
			if definite(err) && t.release {
				return r.store.Release(ctx, t.claim)
			}
			return rec, err
		})
	case taskLoad:
		var e *Entry
		res.err = r.data.run(ctx, r.opts.Timeout, func(ctx context.Context) (err error) {
			e, err = r.store.Load(ctx)
			return err
		})
		if res.err == nil {
			res.entry = e
		}
	case taskLoadPin:
		var e *Entry
		res.err = ErrNoPins
		if p, ok := r.store.(Pinner); ok {
			res.err = r.data.run(ctx, r.opts.Timeout, func(ctx context.Context) (err error) {
				e, err = p.LoadRevision(ctx, t.pin.Revision)
				return err
			})
		}
		if res.err == nil {
			res.entry = e
		}
	case taskFetch:
		res.answer, res.err = r.ask(ctx, t)
	case taskApply:
		res.err = caught(ctx, func(context.Context) error { return r.sink.Apply(t.entry) })
	}
	select {
	case r.results <- res:
	case <-r.stopped:
	}
}

// definite reports whether err is an answer of the store.
func definite(err error) bool {
	for _, known := range []error{ErrHeld, ErrNotHeld, ErrStale, ErrBodyNeeded} {
		if errors.Is(err, known) {
			return true
		}
	}
	return err == nil
}

// ask fetches, and checks what came before anybody else gets it.
func (r *runner) ask(ctx context.Context, t task) (Answer, error) {
	etag := ""
	if t.entry != nil {
		etag = t.entry.ETag
	}
	return askUpstream(ctx, r.fetch, r.opts.FetchTimeout, r.up, r.sink, r.store.Scope(), etag)
}

func askUpstream(ctx context.Context, b bounded, timeout time.Duration, up Upstream, sink Sink, scope Scope, etag string) (Answer, error) {
	var a Answer
	err := b.run(ctx, timeout, func(ctx context.Context) (err error) {
		a, err = up.Fetch(ctx, etag)
		return err
	})
	switch {
	case err != nil:
		return Answer{}, err
	case a.NotModified && etag == "":
		return Answer{}, &UpstreamError{Cause: CauseUnreachable, Err: errors.New("304 to an unconditional request")}
	case a.NotModified:
		return a, nil
	}
	err = caught(ctx, func(context.Context) error { return sink.Check(NewEntry(scope, a.Body, a.ETag)) })
	if err != nil {
		return Answer{}, &UpstreamError{Cause: CauseBadDocument, Err: err}
	}
	return a, nil
}

// watch keeps a watch on the store, and looks at it after each gap.
func (r *runner) watch(ctx context.Context, w Watcher) {
	wait := retryEvery / 4
	for ctx.Err() == nil {
		began := time.Now()
		r.watches.Add(1)
		err := caught(ctx, func(ctx context.Context) error {
			return w.Watch(ctx, func() {
				select {
				case r.hints <- struct{}{}:
				default:
				}
			})
		})
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			wait = retryEvery / 4
		}
		r.opts.Logger.Debug("watch ended", "error", err, "retry_in", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, 10*time.Second)
	}
}

// stop waits for what is under way, and gives the lease back.
func (r *runner) stop(keep context.Context) {
	ctx, cancel := context.WithTimeout(keep, stopTimeout)
	defer cancel()
	for r.core.busy != [laneCount]bool{} && ctx.Err() == nil {
		select {
		case res := <-r.results:
			if res.task.kind == taskFetch {
				r.core.busy[laneFetch] = false // it was cancelled: that is no failure of upstream's
				continue
			}
			r.core.handle(time.Now(), res)
		case <-ctx.Done():
		}
	}
	if claim, ok := r.core.leave(); ok {
		err := r.control.run(ctx, controlTimeout, func(ctx context.Context) error {
			_, err := r.store.Release(ctx, claim)
			return err
		})
		if err != nil && !errors.Is(err, ErrNotHeld) {
			r.opts.Logger.Warn("lease not released, it ends by itself", "error", err)
		}
	}
	s := r.core.status(time.Now())
	s.Role = RoleStopped
	r.status.Store(&s)
	r.sink.Notice(s)
}
