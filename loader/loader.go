// Package loader keeps one compiled set of rules current.
//
// A loader asks upstream for the definitions at an interval, conditionally,
// compiles what is new and swaps it in. Whatever goes wrong, it goes on serving
// the last good definitions, and says since when and why they are stale.
package loader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/rules"
)

// DefaultPollInterval is the time between two polls when
// [Config.PollInterval] is zero.
const DefaultPollInterval = 30 * time.Second

var (
	// ErrClosed is returned by calls that wait on a loader that is closed.
	ErrClosed = errors.New("loader is closed")

	// ErrBadDocument is in the chain of the cause when upstream's answer is no
	// definitions document. It never replaces a good one.
	ErrBadDocument = errors.New("not a definitions document")
)

// Upstream is where definitions come from; [posthogapi.Client] is one.
//
// An etag is passed only while the document that it came with is held; the
// empty one makes the request unconditional. Definitions must return soon
// after ctx ends. It is called by one goroutine at a time.
type Upstream interface {
	Definitions(ctx context.Context, etag string) (posthogapi.Definitions, error)
}

// Config says where definitions come from and what to start with.
type Config struct {
	// Upstream is asked for definitions. Required.
	Upstream Upstream

	// PollInterval is the time between two polls, each jittered by ±10 %.
	// Zero means [DefaultPollInterval]; the minimum is 100 ms.
	PollInterval time.Duration

	// TimeZone is the project's time zone. Nil: not known, and flags whose
	// answer depends on it are inconclusive.
	TimeZone *time.Location

	// Bootstrap is a definitions document to start from, such as one built
	// into the program. Nil: none. The file is preferred to it.
	Bootstrap []byte

	// File is where the last good definitions are kept, to start from when
	// upstream is down. Its folder must exist. Empty: none is kept. A file
	// that is damaged, or of another project or host, is ignored with a
	// warning, and replaced.
	File string

	// ProjectToken and Host say what the file belongs to. The file holds a
	// hash of the token. Both are required with File.
	ProjectToken, Host string

	// Logger takes what an operator should know: changes, failures once per
	// cause, recoveries. Nil discards it.
	Logger *slog.Logger
}

const minPollInterval = 100 * time.Millisecond

// complete checks the config and fills in its defaults.
func (c *Config) complete() error {
	switch {
	case c.Upstream == nil:
		return errors.New("loader config: Upstream is nil")
	case c.PollInterval == 0:
		c.PollInterval = DefaultPollInterval
	case c.PollInterval < minPollInterval:
		return fmt.Errorf("loader config: PollInterval is %v: want at least %v", c.PollInterval, minPollInterval)
	}
	if c.File != "" && (c.ProjectToken == "" || c.Host == "") {
		return errors.New("loader config: File needs ProjectToken and Host, to tell whose definitions it holds")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// feeder decides when definitions are fetched, and feeds what comes of it to
// a sink. The poller is the one for a process by itself.
type feeder interface {
	// run feeds the sink until ctx ends. Only run calls the sink's methods.
	run(ctx context.Context, to sink)

	// reload returns when an observation that was begun after the call has
	// been fed to the sink, with its error, or when ctx ends.
	reload(ctx context.Context) error
}

// Loader keeps one set of rules current. It is safe for concurrent use.
type Loader struct {
	keeper *keeper
	feeder feeder
	stop   context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended
}

// New starts a loader. It reads the file, if there is one, and does not wait
// for upstream. ctx bounds this call only; its values reach Upstream. The only
// goroutine it starts runs until [Loader.Close].
func New(ctx context.Context, cfg Config) (*Loader, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start loader: %w", err)
	}
	k := newKeeper(cfg)
	if err := k.start(cfg.Bootstrap); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &Loader{
		keeper: k,
		feeder: newPoller(cfg.Upstream, cfg.PollInterval),
		stop:   stop,
		done:   make(chan struct{}),
	}
	go func() {
		defer close(l.done)
		l.feeder.run(running, k)
	}()
	return l, nil
}

// Rules is the current set, nil as long as there is none. It does not block,
// and goes on returning the last set after Close.
func (l *Loader) Rules() *rules.Set { return l.keeper.rules.Load() }

// Status says what the loader holds and how fresh it is.
func (l *Loader) Status() Status {
	s := l.keeper.status(time.Now())
	select {
	case <-l.done:
		s.State = Closed
	default:
	}
	return s
}

// WaitUntilReady returns nil once there are rules, from wherever they come:
// also stale ones, of the file or the bootstrap, are there. Otherwise it
// returns when ctx ends, with the reason why there are none, or [ErrClosed].
func (l *Loader) WaitUntilReady(ctx context.Context) error {
	select {
	case <-l.keeper.ready:
		return nil
	default:
	}
	select {
	case <-l.keeper.ready:
		return nil
	case <-l.done:
		return fmt.Errorf("wait for definitions: %w", ErrClosed)
	case <-ctx.Done():
		if cause := l.Status().Cause; cause != nil {
			return fmt.Errorf("wait for definitions: %w: %w", ctx.Err(), cause)
		}
		return fmt.Errorf("wait for definitions: %w", ctx.Err())
	}
}

// Reload asks upstream now. It returns nil when an answer that was asked for
// after the call is applied, an error when that request failed or ctx ended.
// Calls that come together share one request. While upstream has asked to be
// left alone (Retry-After), Reload sends nothing and returns the error that
// said so.
func (l *Loader) Reload(ctx context.Context) error {
	if err := l.feeder.reload(ctx); err != nil {
		return fmt.Errorf("reload definitions: %w", err)
	}
	return nil
}

// OnChange calls f after each change of the definitions, the first load
// included, one call at a time and in order, until stop is called; a call that
// has begun by then goes on. f runs between two polls: it must return soon and
// must not call Reload or Close.
func (l *Loader) OnChange(f func(Change)) (stop func()) { return l.keeper.subscribe(f) }

// Close ends polling, cancels a request that is under way, and waits for the
// goroutine to end. The rules stay usable. Closing twice is allowed.
func (l *Loader) Close() error {
	l.stop()
	<-l.done
	return nil
}
