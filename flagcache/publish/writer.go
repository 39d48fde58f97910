package publish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

const (
	attemptTimeout = time.Minute // then the latest document is taken
	firstPause     = time.Second // after a failure; it doubles
	maxPause       = 5 * time.Minute

	// settleAfter is when the first document of a tenure is written again: a write
	// of the leader before may have been on its way.
	settleAfter = time.Minute
)

// writer publishes what its leader is offered. Its fields are of one goroutine.
//
// Positions are its own: the epoch is the lease's, and seq counts what is written,
// as what is served can change between two answers of upstream, by a pin. Where
// somebody else has published under a greater epoch, a document is put above that
// only if upstream confirmed it after this process had seen the other one.
type writer struct {
	*Leader
	tenure uint64 // epoch of the lease
	epoch  uint64 // of what is written: tenure, or above what somebody else published
	seq    uint64

	ahead  uint64    // the epoch of somebody else's, found newer; zero: nothing is
	seenAt time.Time // when that was found

	put      flagcache.Head // the last that was written in this tenure
	putAgain time.Time      // when it is written again
	failures int            // in a row
	retryAt  time.Time
}

// publish runs until ctx ends.
func (l *Leader) publish(ctx context.Context) {
	w := &writer{Leader: l}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
		timer.Reset(w.step(ctx))
	}
}

// step writes what is due, and says when to come again if nothing happens before.
func (w *writer) step(ctx context.Context) time.Duration {
	const idle = time.Hour
	w.mu.Lock()
	o := w.offered
	w.mu.Unlock()
	now := time.Now()
	if o == nil {
		return idle
	}
	if o.epoch != w.tenure {
		*w = writer{Leader: w.Leader, tenure: o.epoch, epoch: o.epoch, seq: w.seq}
	}
	same := w.put.Revision == o.entry.Revision && w.put.ETag == o.entry.ETag
	switch {
	case now.Before(w.retryAt):
		return w.retryAt.Sub(now)
	case same && now.Before(w.putAgain):
		return w.putAgain.Sub(now)
	case w.ahead != 0 && !o.entry.CheckedAt.After(w.seenAt):
		return idle // until upstream confirms it
	case w.ahead != 0:
		w.epoch = above(w.ahead, now)
	}
	w.seq++
	e := *o.entry
	e.Position = flagcache.Position{Epoch: w.epoch, Seq: w.seq}
	w.attempt(ctx, o, &e)
	return 0
}

// above is an epoch greater than another, and than those of the past.
func above(epoch uint64, now time.Time) uint64 {
	return max(epoch, uint64(max(0, now.UnixMicro()))) + 1 + uint64(rand.N(1<<20))
}

// attempt writes once, and notes what came of it.
func (w *writer) attempt(running context.Context, o *offer, e *flagcache.Entry) {
	ctx, cancel := context.WithTimeout(running, attemptTimeout)
	defer cancel()
	if !w.begin(o, cancel) {
		return
	}
	err := caught(func() error { return w.to.Publish(ctx, e) })
	head := e.Head
	superseded := errors.Is(err, flagcache.ErrStale)
	if superseded {
		err = caught(func() (err error) {
			head, err = w.to.Published(ctx)
			return err
		})
	}
	if !w.end(o) || running.Err() != nil {
		return // whatever came of it, this process does not lead any more
	}
	now := time.Now()
	if err != nil {
		w.failed(now, err)
		return
	}
	if w.failures > 0 {
		w.log.Info("definitions are published again")
	}
	w.failures = 0
	w.ahead = 0
	if superseded {
		w.ahead, w.seenAt = head.Epoch, now
	}
	if superseded && (head.Revision != e.Revision || head.ETag != e.ETag) {
		w.log.Warn("somebody else has published newer definitions: does another process publish there, too?", "position", head.Position.String(), "revision", head.Revision.Short())
		w.note(func(s *State) { s.Superseded++ })
		return
	}
	first := w.put.Revision.IsZero()
	w.put, w.putAgain = head, now.Add(ConfirmAfter)
	if first {
		w.putAgain = now.Add(settleAfter)
	}
	w.note(func(s *State) {
		s.Err, s.Revision, s.At = nil, e.Revision, now
		if superseded {
			s.Superseded++
		} else {
			s.Written++
		}
	})
}

func (w *writer) failed(now time.Time, err error) {
	pause := maxPause
	if w.failures < 10 {
		pause = min(firstPause<<w.failures, maxPause)
	}
	w.failures++
	w.retryAt = now.Add(pause + rand.N(pause/2))
	if w.failures == 1 {
		w.log.Warn("definitions not published", "error", err)
	}
	w.note(func(s *State) { s.Err = err; s.Failed++ })
}

// begin makes an attempt the one that is ended with its tenure, which may be over.
func (w *writer) begin(o *offer, cancel context.CancelFunc) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.offered == nil || w.offered.epoch != o.epoch {
		return false
	}
	w.interrupt = cancel
	return true
}

// end reports whether the attempt's tenure goes on.
func (w *writer) end(o *offer) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.interrupt = nil
	return w.offered != nil && w.offered.epoch == o.epoch
}

func (w *writer) note(change func(*State)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.state)
}

// caught makes an error of a panic: a publisher is others' code.
func caught(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}
