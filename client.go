package hogflags

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/resolve"
	"github.com/hogflags/hogflags/rules"
)

// The words of the packages below that a caller of this one needs.
type (
	// Subject is who is asked about. Its Now, if zero, is the current time.
	Subject = rules.Subject
	// Runtime is what kind of program asks.
	Runtime = rules.Runtime
	// Answer is the outcome for one flag, with its reason.
	Answer = resolve.Answer
	// AnswerStatus says whether a flag is decided.
	AnswerStatus = rules.Status
	// Missing is one thing that an inconclusive flag lacked.
	Missing = rules.Missing
	// Status says what definitions a client holds and how fresh they are.
	Status = loader.Status
	// QuotaPolicy says what to answer while the project is over its quota.
	QuotaPolicy = loader.QuotaPolicy
	// Change says how the definitions differ from those before.
	Change = loader.Change
)

// What [Config.OnQuotaLimited] can be.
const (
	KeepFlags  = loader.KeepFlags  // the last good definitions
	ClearFlags = loader.ClearFlags // no flags, as PostHog's SDKs do, until PostHog's next good answer
)

// The kinds of answers.
const (
	NotFound     = rules.NotFound     // no such flag, or not for this runtime or context
	Decided      = rules.Decided      // PostHog's answer, or proven to be
	Inconclusive = rules.Inconclusive // neither side decided it
)

// The runtimes.
const (
	RuntimeServer  = rules.RuntimeServer  // sees flags for the server and flags for all
	RuntimeClient  = rules.RuntimeClient  // sees flags for clients and flags for all
	RuntimeUnknown = rules.RuntimeUnknown // sees flags for all only
)

// Client answers for the flags of one project. It is safe for concurrent use.
type Client struct {
	loader   *loader.Loader // nil: PostHog is asked for every flag
	shared   bool           // the loader is another client's
	closed   atomic.Bool
	project  string // the project's token
	keeps    bool   // the bytes of the definitions
	api      *posthogapi.Client
	resolver *resolve.Resolver

	fixed     *rules.Set // the overrides alone; nil: there are none
	localOnly bool
	geoIP     bool
	runtime   Runtime
	contexts  []string
	now       func() time.Time // nil: time.Now

	freshness freshness

	sink     events.Sink      // nil: there is none
	reporter *events.Reporter // nil: nothing is reported
	observer Observer         // nil: nobody is told
}

// New makes a client and starts to fetch the definitions, in one goroutine
// (several with a [Config.Cache]) that runs until [Client.Close]. It does not wait for the network: until the
// definitions are there, evaluations ask PostHog, or return [ErrNotReady] if they
// may not. Without a key nothing is fetched and no goroutine is started: PostHog
// is asked for every flag. ctx bounds this call only.
func New(ctx context.Context, cfg Config) (*Client, error) {
	c, err := newClient(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("hogflags: %w", err)
	}
	if c.observer != nil {
		c.observer.Watch(c.Status)
	}
	return c, nil
}

func newClient(ctx context.Context, cfg Config) (*Client, error) {
	c := &Client{
		freshness: freshness{turn: make(chan struct{}, 1)},
		project:   cfg.ProjectToken,
		keeps:     cfg.KeepDefinitions,
		localOnly: cfg.OnlyEvaluateLocally,
		geoIP:     cfg.GeoIP,
		runtime:   cfg.Runtime,
		contexts:  slices.Clone(cfg.EvaluationContexts),
		now:       cfg.Now,
		sink:      cfg.Events,
		observer:  cfg.Observer,
	}
	err := cfg.check()
	if err != nil {
		return nil, err
	}
	if from := cfg.DefinitionsFrom; from != nil {
		c.loader, c.api, c.shared, c.project, c.keeps, c.fixed = from.loader, from.api, true, from.project, from.keeps, from.fixed
	} else if c.api, err = posthogapi.New(cfg.api()); err != nil {
		return nil, err
	}
	asking := resolve.Config{Remote: c.api, Timeout: cfg.RemoteTimeout}
	if c.observer != nil {
		asking.Observe = c.observer.Asked
	}
	c.resolver = resolve.New(asking)
	if c.sink != nil {
		c.reporter, err = events.NewReporter(events.Config{Sink: c.sink, Share: cfg.EventShare, Logger: cfg.Logger})
		if err != nil {
			return nil, fmt.Errorf("config: EventShare: %w", err)
		}
	}
	if c.shared {
		return c, nil
	}
	fixed, err := cfg.overrides()
	if err != nil {
		return nil, err
	}
	c.fixed = overridesAlone(fixed)
	if cfg.remoteOnly() {
		return c, nil
	}
	c.loader, err = loader.New(ctx, loader.Config{
		Upstream:        cfg.upstream(c.api),
		Coordinator:     cfg.Cache,
		PollInterval:    cfg.PollInterval,
		TimeZone:        cfg.TimeZone,
		Bootstrap:       cfg.Bootstrap,
		File:            cfg.LastKnownGoodFile,
		Overrides:       fixed,
		KeepDefinitions: cfg.KeepDefinitions,
		ProjectToken:    cfg.ProjectToken,
		Host:            c.api.Host(),
		MaxAge:          cfg.MaxAge,
		OnQuotaLimited:  cfg.OnQuotaLimited,
		Logger:          cfg.Logger,
	})
	return c, err
}

// ReloadFeatureFlags asks PostHog for the definitions now. It returns nil when
// an answer that was asked for after the call is applied, an error when the
// request failed or ctx ended. Calls that come together share one request;
// while PostHog asks to be left alone (Retry-After), none is sent. With a
// [Config.Cache] the fleet's leader asks, and after every failure PostHog is left
// alone for a while. A cache that only reads looks at its store instead. A client
// without definitions returns [ErrRemoteOnly].
func (c *Client) ReloadFeatureFlags(ctx context.Context) error {
	if c.loader == nil {
		return fmt.Errorf("reload definitions: %w", ErrRemoteOnly)
	}
	if c.closed.Load() {
		return fmt.Errorf("reload definitions: %w", ErrClosed)
	}
	return c.loader.Reload(ctx)
}

// WaitUntilReady returns nil once there are definitions, also stale ones of
// the file or the bootstrap. Otherwise it returns when ctx ends or the client
// is closed, with the reason why there are none. A client without a key has
// nothing to wait for.
func (c *Client) WaitUntilReady(ctx context.Context) error {
	if c.loader == nil {
		return nil
	}
	return c.loader.WaitUntilReady(ctx)
}

// Status says what definitions the client holds, how old they are, and why
// they are not current if they are not.
func (c *Client) Status() Status {
	if c.loader == nil {
		return Status{State: loader.Empty, Cause: ErrRemoteOnly}
	}
	return c.loader.Status()
}

// OnChange calls f after each change of the definitions, in order and one call
// at a time, until stop is called. f must return soon and must not call
// ReloadFeatureFlags or Close.
func (c *Client) OnChange(f func(Change)) (stop func()) {
	if c.loader == nil {
		return func() {}
	}
	return c.loader.OnChange(f)
}

// Close ends polling and waits for it. A [Config.Cache] gives back its lease, so
// that another process takes over within seconds; if it has not ended after
// 10 s, Close returns an error. Evaluations go on, from the last definitions, but
// PostHog is not asked any more: what these do not decide is inconclusive, by
// [ErrClosed]. An evaluation that is waiting for PostHog already goes on waiting.
// The sink of [Config.Events] stays open. Closing twice is allowed. A client with
// [Config.DefinitionsFrom] ends nothing of the other's.
func (c *Client) Close() error {
	c.closed.Store(true)
	c.resolver.Close(ErrClosed)
	if c.shared || c.loader == nil {
		return nil
	}
	return c.loader.Close()
}
