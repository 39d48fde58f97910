package loader

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// poller is the feeder of a process by itself: it asks upstream at an interval.
type poller struct {
	upstream flagcache.Upstream
	pace     pace
	kick     chan struct{} // holds one: somebody waits in next
	changed  chan struct{} // holds one: upstream has said that there is something new
	follows  sync.WaitGroup
	follower atomic.Bool   // a stream is being read
	ended    chan struct{} // closed when run has returned

	mu                        sync.Mutex
	next                      *flight // for the request that has not begun yet; nil if nobody waits for it
	full, notModified, failed uint64  // requests by outcome
}

// flight is a request that callers of reload wait for.
type flight struct {
	done chan struct{} // closed after err is set
	err  error
}

func newPoller(upstream flagcache.Upstream, interval time.Duration) *poller {
	return &poller{
		upstream: upstream,
		pace:     pace{interval: interval},
		kick:     make(chan struct{}, 1),
		changed:  make(chan struct{}, 1),
		ended:    make(chan struct{}),
	}
}

func (p *poller) run(ctx context.Context, to sink) error {
	defer close(p.ended)
	defer p.follows.Wait() // it ends with ctx
	timer := time.NewTimer(0)
	defer timer.Stop()
	var leaveAlone time.Time // until when upstream asked not to be asked
	var failure error        // the one in which it asked for that
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-p.changed:
			if time.Now().Before(leaveAlone) {
				continue
			}
		case <-p.kick:
			if !p.wanted() {
				continue // the poll that came first has served it
			}
			if time.Now().Before(leaveAlone) {
				p.land(p.take(), failure)
				continue
			}
		}
		f := p.take() // before asking: who comes later wants a later answer
		err := p.ask(ctx, to)
		if ctx.Err() != nil {
			return nil
		}
		now := time.Now()
		if wait := retryAfter(err); wait > 0 {
			leaveAlone = now.Add(wait)
			failure = fmt.Errorf("upstream asks to be left alone until %s: %w", leaveAlone.UTC().Format(time.RFC3339), err)
		}
		timer.Reset(p.pace.after(err, rand.Float64()))
		p.land(f, err)
	}
}

func (p *poller) ask(ctx context.Context, to sink) error {
	to.asking()
	began := time.Now()
	etag := to.etag()
	a, err := p.upstream.Fetch(ctx, etag)
	if err == nil && a.NotModified && etag == "" {
		err = errors.New("upstream answered not modified to a request without an ETag")
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // closing is no failure of upstream's
	case err != nil:
		p.count(&p.failed)
		to.failed(err)
		return err
	}
	if a.Follow != nil {
		p.follow(ctx, a.Follow)
	}
	if a.NotModified {
		p.count(&p.notModified)
		to.confirmed(cmp.Or(a.ETag, etag), FromUpstream, began)
		return nil
	}
	err = to.received(document{body: a.Body, etag: a.ETag, source: FromUpstream, fetchedAt: time.Now(), checkedAt: began})
	if err != nil {
		p.count(&p.failed)
		return err
	}
	p.count(&p.full)
	return nil
}

// follow reads a stream of changes beside polling, until it ends. What comes of
// the next poll may begin another: a relay that has gone is not asked for one.
func (p *poller) follow(ctx context.Context, read func(context.Context, func()) error) {
	if !p.follower.CompareAndSwap(false, true) {
		return
	}
	tell := func() {
		select {
		case p.changed <- struct{}{}:
		default: // one is enough
		}
	}
	p.follows.Go(func() {
		began := time.Now()
		_ = read(ctx, tell) // polling goes on, and says what is the matter
		p.follower.Store(false)
		if time.Since(began) < steadyStream {
			return
		}
		// The relay may have restarted: come back soon, though not with all the
		// others at once.
		select {
		case <-time.After(time.Duration(rand.Int64N(int64(2 * time.Second)))):
			tell()
		case <-ctx.Done():
		}
	})
}

// steadyStream is how long a stream has to last before its end is worth a poll:
// a proxy may cut each of them.
const steadyStream = 30 * time.Second

func (p *poller) count(n *uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*n++
}

func (p *poller) complete(s *Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Full, s.NotModified, s.Failed = p.full, p.notModified, p.failed
}

func (p *poller) reload(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	if p.next == nil {
		p.next = &flight{done: make(chan struct{})}
	}
	f := p.next
	p.mu.Unlock()
	select {
	case p.kick <- struct{}{}:
	default: // one is enough
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ended:
		select {
		case <-f.done:
			return f.err
		default:
			return ErrClosed
		}
	}
}

func (p *poller) wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next != nil
}

// take returns the flight that the request about to begin will serve, if any.
func (p *poller) take() *flight {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.next
	p.next = nil
	return f
}

func (p *poller) land(f *flight, err error) {
	if f != nil {
		f.err = err
		close(f.done)
	}
}

const (
	// maxBackoff is the longest wait after failures, unless the interval is
	// longer or upstream asks for more: a kill switch waits as long after an
	// outage.
	maxBackoff = 2 * time.Minute
	// maxRetryAfter bounds what upstream can ask for.
	maxRetryAfter = time.Hour
	jitter        = 0.1
)

// pace decides how long to wait between requests.
type pace struct {
	interval time.Duration
	failures int // in a row
}

// after is the wait after a request that ended with err. random is in [0, 1).
func (p *pace) after(err error, random float64) time.Duration {
	if err == nil {
		p.failures = 0
		return stretch(p.interval, jitter*(2*random-1))
	}
	p.failures++
	// Upwards only: a failure must never make polling faster.
	wait := p.interval
	for i := 1; i < p.failures && wait < maxBackoff && !refusedKey(err); i++ {
		wait *= 2
	}
	wait = stretch(max(p.interval, min(wait, maxBackoff)), jitter*random)
	if asked := retryAfter(err); asked > 0 {
		wait = max(wait, min(stretch(asked, jitter*random), maxRetryAfter))
	}
	return wait
}

// refusedKey reports whether upstream would not have the key. That ends as soon
// as a new one is given, and until then a request at each interval costs
// upstream no more than a good one.
func refusedKey(err error) bool {
	return causeOf(err) == flagcache.CauseUnauthorized
}

func stretch(d time.Duration, by float64) time.Duration {
	return d + time.Duration(float64(d)*by)
}

func retryAfter(err error) time.Duration {
	u, ok := errors.AsType[*flagcache.UpstreamError](err)
	if !ok {
		return 0
	}
	return min(u.RetryAfter, maxRetryAfter)
}
