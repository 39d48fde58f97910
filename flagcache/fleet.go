package flagcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"
)

// ErrStopped is what Reload returns when Run is over.
var ErrStopped = errors.New("flagcache: the coordinator is not running")

// Options say how a process takes part in its fleet. The zero value is right
// for most.
type Options struct {
	// Interval between polls of upstream by the whole fleet. Zero means 30 s;
	// at least a second. The leader's own counts.
	Interval time.Duration

	// ReadOnly attaches without ever asking upstream, leading or writing.
	ReadOnly bool

	// IgnorePins serves the latest whatever is pinned: for a process that writes
	// the store and evaluates nothing.
	IgnorePins bool

	// Name is shown to people as the leader's. Empty means host and process id.
	// It need not be unique: it decides nothing.
	Name string

	// Timeout bounds each read and write of a document in the store. Zero means
	// 10 s. The small operations of the lease are bounded by 2 s.
	Timeout time.Duration

	// FetchTimeout bounds each request to upstream. Zero means 30 s.
	FetchTimeout time.Duration

	// Logger gets what people should know. Nil discards it.
	Logger *slog.Logger
}

const (
	controlTimeout = 2 * time.Second
	stopTimeout    = 5 * time.Second
	maxAsks        = 100 // Reload calls that may put their request to the store at once
)

func (o Options) withDefaults() Options {
	if o.Interval == 0 {
		o.Interval = 30 * time.Second
	}
	if o.Name == "" {
		host, _ := os.Hostname()
		o.Name = fmt.Sprintf("%s:%d", host, os.Getpid())
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.FetchTimeout == 0 {
		o.FetchTimeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Fleet is the fleet protocol over a store, for one process. It is safe for
// concurrent use.
type Fleet struct {
	store   Store
	opts    Options
	core    *core // of the Run goroutine alone
	started atomic.Bool
	stopped chan struct{} // closed by Run when it returns
	status  atomic.Pointer[Status]
	watches atomic.Uint64

	hints   chan struct{}
	reloads chan *reloading

	control, fetch, data bounded // of the Run goroutine's calls
	asks                 bounded // of Reload's
}

var _ Coordinator = (*Fleet)(nil)

// New returns a coordinator over store. It does nothing before Run, and leaves
// the store open after it.
func New(store Store, o Options) (*Fleet, error) {
	if store == nil {
		return nil, errors.New("start fleet: no store")
	}
	if err := store.Scope().Validate(); err != nil {
		return nil, fmt.Errorf("start fleet: %w", err)
	}
	o = o.withDefaults()
	if o.Interval < time.Second {
		return nil, fmt.Errorf("start fleet: interval %v is below a second", o.Interval)
	}
	signed, isSigned := store.(interface{ CanSign() bool }) // it, or a decorator around it
	if isSigned && !signed.CanSign() && !o.ReadOnly {
		return nil, fmt.Errorf("start fleet: %w: give one, or attach read only", ErrNoSigningKey)
	}
	f := &Fleet{
		store:   store,
		opts:    o,
		stopped: make(chan struct{}),
		hints:   make(chan struct{}, 1),
		reloads: make(chan *reloading),
		control: newBounded(maxHung),
		fetch:   newBounded(maxHung),
		data:    newBounded(maxHung),
		asks:    newBounded(maxAsks),
	}
	f.core = newCore(store.Scope(), o.Name, o.Interval, o.ReadOnly, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), o.Logger)
	f.core.ignorePins, f.core.signed = o.IgnorePins, isSigned
	f.publish(nil, time.Now())
	return f, nil
}

// Scope is whose definitions the store holds.
func (f *Fleet) Scope() Scope { return f.store.Scope() }

// Status is what the process does, and how good its definitions are.
func (f *Fleet) Status() Status { return *f.status.Load() }

// Run takes part in the fleet until ctx ends, then releases its lease.
func (f *Fleet) Run(ctx context.Context, up Upstream, sink Sink) error {
	if up == nil && !f.opts.ReadOnly || sink == nil {
		return errors.New("run fleet: upstream or sink is missing")
	}
	if !f.started.CompareAndSwap(false, true) {
		return errors.New("run fleet: it was run already")
	}
	r := &runner{Fleet: f, up: up, sink: sink, results: make(chan result)}
	return r.run(ctx)
}

// Reload asks the leader to poll now, and returns when its answer is served
// here. A reader looks at the store instead. While upstream is to be left alone
// after a failure nobody asks it, and Reload returns that failure; if the poll
// that was asked for fails, it returns that.
func (f *Fleet) Reload(ctx context.Context) error {
	q := &reloading{asked: time.Now(), done: make(chan struct{})}
	if role := f.Status().Role; role == RoleFollower || role == RoleStarting {
		err := f.asks.run(ctx, controlTimeout, func(ctx context.Context) (err error) {
			q.record, err = f.store.RequestReload(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("ask the leader to reload: %w", err)
		}
		if last := q.record.Failure; last.Exists() && last.After(q.record.Head.Position) && last.NotBefore.After(q.record.Now) {
			return reloadError(last.Cause, q.asked.Add(last.NotBefore.Sub(q.record.Now)))
		}
	}
	select {
	case f.reloads <- q:
	case <-f.stopped:
		return ErrStopped
	case <-ctx.Done():
		return fmt.Errorf("reload: %w", ctx.Err())
	}
	select {
	case <-q.done:
		return q.err
	case <-f.stopped:
		return ErrStopped
	case <-ctx.Done():
		if c := f.Status().Failure; c != "" {
			return fmt.Errorf("reload: upstream %s: %w", c, ctx.Err())
		}
		return fmt.Errorf("reload: %w", ctx.Err())
	}
}

// reloading is somebody who waits for a poll.
type reloading struct {
	asked  time.Time     // by this process's clock
	behind uint64        // the operations that had been sent when Run heard of it
	record Record        // of when the store was told; zero if it was not
	done   chan struct{} // closed by Run once it is served, or is not going to be
	err    error         // why not; set before done is closed
}

func reloadError(cause Cause, until time.Time) error {
	why := fmt.Errorf("upstream is left alone until %s", until.UTC().Format(time.RFC3339))
	return fmt.Errorf("reload: %w", &UpstreamError{Cause: cause, Err: why})
}

// publish shows the core's status, and tells the sink if it changed.
func (f *Fleet) publish(sink Sink, now time.Time) {
	s := f.core.status(now)
	s.Counters.Watches = f.watches.Load()
	old := f.status.Swap(&s)
	if sink == nil || old != nil && old.sameAs(s) {
		return
	}
	sink.Notice(s)
}

// sameAs compares all but the counters.
func (s Status) sameAs(t Status) bool {
	s.Counters, t.Counters = Counters{}, Counters{}
	sErr, tErr := s.StoreErr, t.StoreErr
	s.StoreErr, t.StoreErr = nil, nil
	return s == t && (sErr == nil) == (tErr == nil)
}
