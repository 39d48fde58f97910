package resolve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hogflags/hogflags/posthogapi"
)

const (
	tripAfter  = 5                // failures in a row
	firstBreak = 2 * time.Second  // the first time that PostHog is left alone
	longBreak  = 60 * time.Second // the longest, if PostHog does not ask for more
	longestAsk = time.Hour        // a Retry-After beyond it is not believed
)

// ErrCircuitOpen is returned in place of a request to a PostHog that has not
// answered the last ones.
var ErrCircuitOpen = errors.New("PostHog is left alone after failures in a row")

// Breaker stands before a PostHog that is down. The zero value is closed. It is
// safe for concurrent use.
//
//	closed ──5 failures in a row, or a Retry-After──► open
//	open ──the break is over──► one request is let through, the others wait
//	     for its outcome: it answers ──► closed; it fails ──► open, twice as long
type Breaker struct {
	mu       sync.Mutex
	failures int           // in a row
	rest     time.Duration // of the last break
	until    time.Time     // open until then; zero: closed
	probing  bool          // the one request is under way
	last     error         // that opened it
}

// Allow reports whether a request may be sent. Every nil is followed by one
// call of Done.
func (b *Breaker) Allow(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return nil
	}
	if wait := b.until.Sub(now); wait > 0 {
		return fmt.Errorf("%w: not asked for %v more: %w", ErrCircuitOpen, wait.Round(time.Millisecond), b.last)
	}
	if b.probing {
		return fmt.Errorf("%w: one request is trying it: %w", ErrCircuitOpen, b.last)
	}
	b.probing = true
	return nil
}

// Done takes the outcome of a request that was allowed.
func (b *Breaker) Done(now time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	if err == nil || !blames(err) {
		if err == nil {
			b.failures, b.rest, b.until, b.last = 0, 0, time.Time{}, nil
		}
		return
	}
	b.failures++
	after := min(posthogapi.RetryAfter(err), longestAsk)
	if b.failures < tripAfter && after == 0 {
		return
	}
	if now.Before(b.until) {
		return // a straggler of before: the break has begun
	}
	b.rest = min(max(2*b.rest, firstBreak), longBreak)
	b.until, b.last = now.Add(max(b.rest, after)), err
}

// blames reports whether an error speaks against PostHog, and not against this
// one request or its caller's patience.
func blames(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, posthogapi.ErrUnsendable) {
		return false
	}
	if se, ok := errors.AsType[*posthogapi.StatusError](err); ok {
		return se.Kind != posthogapi.Rejected && se.Kind != posthogapi.TooLarge
	}
	return true
}
