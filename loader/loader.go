// Package loader keeps one compiled set of rules current.
//
// A loader asks upstream for the definitions at an interval, conditionally, or
// has a [flagcache.Coordinator] share them with a fleet. It compiles what is new
// and swaps it in. Whatever goes wrong, it goes on serving the last good
// definitions, and says since when and why they are stale.
package loader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// DefaultPollInterval is the time between two polls when
// [Config.PollInterval] is zero.
const DefaultPollInterval = 30 * time.Second

var (
	// ErrClosed is returned by calls that wait on a loader that is closed. Its
	// text is also that of a client that is.
	ErrClosed = errors.New("the client is closed")

	// ErrBadDocument is in the chain of the cause when an answer is no
	// definitions document. It never replaces a good one.
	ErrBadDocument = errors.New("not a definitions document")
)

// Config says where definitions come from and what to start with.
type Config struct {
	// Upstream is asked for definitions, [flagcache.PostHog] for one. An etag
	// is passed only while the document that it came with is held. Required,
	// but for a coordinator that only reads.
	Upstream flagcache.Upstream

	// Coordinator shares the definitions with a fleet and decides when
	// upstream is asked. The loader runs it, so no other may. Nil: the loader
	// asks upstream by itself.
	Coordinator flagcache.Coordinator

	// PollInterval is the time between two polls, each jittered by ±10 %.
	// Zero means [DefaultPollInterval]; the minimum is 100 ms. A coordinator
	// has an interval of its own: leave it zero then.
	PollInterval time.Duration

	// TimeZone is the project's time zone. Nil: not known, and flags whose
	// answer depends on it are inconclusive.
	TimeZone *time.Location

	// Bootstrap is a definitions document to start from, such as one built
	// into the program. Nil: none. The file is preferred to it.
	Bootstrap []byte

	// Predecessor is a loader of the same project and host that this one takes
	// over from: it starts with the document held there, whatever the file and
	// Bootstrap hold, and with its ETag and age. It has to keep definitions, and
	// may go on or be closed. Nil, or one without definitions: there is none.
	Predecessor *Loader

	// File is where the last good definitions are kept, to start from when
	// upstream is down. Its folder must exist. Empty: none is kept. A file
	// that is damaged, or of another project or host, is ignored with a
	// warning, and replaced.
	File string

	// ProjectToken and Host say whose definitions these are: others, in the
	// file or from a coordinator, are refused. The file holds a hash of the
	// token. Both are required with File.
	ProjectToken, Host string

	// Overrides are flags with fixed values, by key, whatever the definitions
	// say. Documents are kept and passed on without them. Nil: none.
	Overrides map[string]flagdef.Override

	// KeepDefinitions keeps the bytes of the document for
	// [Loader.Definitions]. Otherwise they are dropped when the rules are
	// compiled.
	KeepDefinitions bool

	// MaxAge is how old definitions may be ([Status].Age) and still decide a
	// flag. Older ones make every flag inconclusive, for want of
	// [rules.Freshness], until they are confirmed. Definitions of unknown age
	// never expire. Zero: none do; otherwise it is at least two PollIntervals, and
	// should be two of a coordinator's.
	MaxAge time.Duration

	// OnQuotaLimited is what to answer while upstream says that the project is
	// over its quota. Zero is KeepFlags: the last good definitions. In a fleet
	// all processes learn of it. ClearFlags lasts until upstream's next good
	// answer, whatever else fails in between; who starts in between knows only
	// the last failure.
	OnQuotaLimited QuotaPolicy

	// Logger takes what an operator should know: changes, failures once per
	// cause, recoveries. Nil discards it.
	Logger *slog.Logger
}

const minPollInterval = 100 * time.Millisecond

// complete checks the config and fills in its defaults.
func (c *Config) complete() error {
	switch {
	case c.Upstream == nil && !Reads(c.Coordinator):
		return errors.New("loader config: Upstream is nil")
	case c.Coordinator != nil && c.PollInterval != 0:
		return errors.New("loader config: PollInterval is set beside Coordinator: set the interval where the coordinator is made")
	case c.PollInterval == 0:
		c.PollInterval = DefaultPollInterval
	case c.PollInterval < minPollInterval:
		return fmt.Errorf("loader config: PollInterval is %v: want at least %v", c.PollInterval, minPollInterval)
	}
	if c.MaxAge < 0 || c.MaxAge != 0 && c.Coordinator == nil && c.MaxAge < 2*c.PollInterval {
		return fmt.Errorf("loader config: MaxAge is %v: want at least %v, two PollIntervals, else definitions expire between polls", c.MaxAge, 2*c.PollInterval)
	}
	if c.OnQuotaLimited > ClearFlags {
		return fmt.Errorf("loader config: OnQuotaLimited is %d: want KeepFlags or ClearFlags", c.OnQuotaLimited)
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
// a sink: the poller for a process by itself, the fleet for one of many.
type feeder interface {
	// run feeds the sink until ctx ends. Only its goroutine calls the sink's
	// methods. An error says why it ended early, or did not end well.
	run(ctx context.Context, to sink) error

	// reload returns when an observation that was begun after the call has
	// been fed to the sink, with its error, or when ctx ends.
	reload(ctx context.Context) error

	// complete adds to a status what only the feeder knows. It does not block.
	complete(s *Status)
}

// Loader keeps one set of rules current. It is safe for concurrent use.
type Loader struct {
	keeper *keeper
	feeder feeder
	stop   context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended
	err    error         // why it did not end well; set before done is closed
}

// New starts a loader. It reads the file, if there is one, and does not wait
// for upstream. ctx bounds this call only; its values reach Upstream. The one
// goroutine it starts, a second one while it follows an upstream that tells of
// changes, and those of a coordinator run until [Loader.Close].
func New(ctx context.Context, cfg Config) (*Loader, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start loader: %w", err)
	}
	k := newKeeper(cfg)
	start, err := k.start(cfg)
	if err != nil {
		return nil, err
	}
	var f feeder
	if cfg.Coordinator != nil {
		if f, err = newFleet(cfg, start); err != nil {
			return nil, err
		}
	} else {
		f = newPoller(cfg.Upstream, cfg.PollInterval)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &Loader{
		keeper: k,
		feeder: f,
		stop:   stop,
		done:   make(chan struct{}),
	}
	go func() {
		defer close(l.done)
		l.err = l.feeder.run(running, k)
	}()
	return l, nil
}

// Rules is the set to answer from, nil as long as there is none. MaxAge and
// OnQuotaLimited may make it another than that of the definitions held. Ask
// for it at each evaluation. It does not block, and goes on returning a set
// after Close.
func (l *Loader) Rules() *rules.Set { return l.keeper.current() }

// Compiled is the set of the definitions held, whatever their age and the quota;
// nil as long as there are none. It does not block.
func (l *Loader) Compiled() *rules.Set { return l.keeper.rules.Load() }

// Expired reports whether the definitions are older than MaxAge, so that Rules
// decides nothing. It does not block.
func (l *Loader) Expired() bool { return l.keeper.serving.Load().tooOld() }

// Definitions is the document of the rules, as upstream sent it. It is false
// while there is none, and always without [Config.KeepDefinitions].
func (l *Loader) Definitions() (Definitions, bool) { return l.keeper.definitions() }

// Refreshes counts the good answers so far, new definitions and confirmed ones.
// It does not block.
func (l *Loader) Refreshes() uint64 { return l.keeper.refreshed.Load() }

// Status says what the loader holds and how fresh it is.
func (l *Loader) Status() Status {
	s := l.keeper.status(time.Now())
	l.feeder.complete(&s)
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
		if l.err != nil {
			return fmt.Errorf("wait for definitions: %w: %w", ErrClosed, l.err)
		}
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
// said so. In a fleet the leader is asked to ask, and what it answers comes
// back; there upstream is left alone after every failure, for as long as
// the fleet agreed on.
func (l *Loader) Reload(ctx context.Context) error {
	if err := l.feeder.reload(ctx); err != nil {
		return fmt.Errorf("reload definitions: %w", err)
	}
	return nil
}

// OnChange calls f after each change that is applied after this call, the first
// load included, one call at a time and in order, until stop is called; a call
// that has begun by then goes on. f runs between two polls: it must return soon
// and must not call Reload or Close.
func (l *Loader) OnChange(f func(Change)) (stop func()) { return l.keeper.subscribe(f) }

// Close ends polling, cancels a request that is under way, and waits for the
// goroutine to end. A coordinator gives back its lease, so that another process
// takes over at once; it has 10 s for that, else it is left behind and Close
// returns an error. The rules stay usable. Closing twice is allowed.
func (l *Loader) Close() error {
	l.stop()
	<-l.done
	return l.err
}
