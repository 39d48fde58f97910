package hogflags

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/rules"
)

// The words of the packages below that a caller of this one needs.
type (
	// Subject is who is asked about. Its Now, if zero, is the current time.
	Subject = rules.Subject
	// Answer is the outcome for one flag, with its reason.
	Answer = rules.Answer
	// Reason is PostHog's reason for a value, such as "condition_match".
	Reason = rules.Reason
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

const (
	decided      = rules.Decided
	inconclusive = rules.Inconclusive
)

// Client answers for the flags of one project. It is safe for concurrent use.
type Client struct {
	loader   *loader.Loader
	shared   bool      // the loader is another client's
	project  string    // the project's token
	keeps    bool      // the bytes of the definitions
	subjects sync.Pool // of *Subject: a copy on the stack would not stay there
}

// New makes a client and starts to fetch the definitions, in one goroutine
// (several with a [Config.Cache]) that runs until [Client.Close]. It does not wait for the network: until the
// definitions are there, evaluations return [ErrNotReady]. ctx bounds this call
// only.
func New(ctx context.Context, cfg Config) (*Client, error) {
	if cfg.DefinitionsFrom != nil {
		return newShared(cfg)
	}
	upstream, host, err := cfg.upstream()
	if err != nil {
		return nil, fmt.Errorf("hogflags: %w", err)
	}
	l, err := loader.New(ctx, loader.Config{
		Upstream:        upstream,
		Coordinator:     cfg.Cache,
		PollInterval:    cfg.PollInterval,
		TimeZone:        cfg.TimeZone,
		Bootstrap:       cfg.Bootstrap,
		File:            cfg.LastKnownGoodFile,
		KeepDefinitions: cfg.KeepDefinitions,
		ProjectToken:    cfg.ProjectToken,
		Host:            host,
		MaxAge:          cfg.MaxAge,
		OnQuotaLimited:  cfg.OnQuotaLimited,
		Logger:          cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("hogflags: %w", err)
	}
	return &Client{loader: l, project: cfg.ProjectToken, keeps: cfg.KeepDefinitions}, nil
}

// EvaluateFlags answers for every flag at once, from one state of the
// definitions. Flags that cannot be decided are in the snapshot as such. The
// only error is [ErrNotReady]. It does not block.
func (c *Client) EvaluateFlags(_ context.Context, subject Subject) (Evaluations, error) {
	set := c.loader.Rules()
	if set == nil {
		return Evaluations{}, c.notReady()
	}
	if subject.Now.IsZero() {
		subject.Now = time.Now()
	}
	return newEvaluations(set.EvaluateAll(make([]Answer, 0, set.Len()), &subject)), nil
}

// GetFeatureFlag answers for one flag: false, true (on without a variant) or
// the variant's key, a string. The error is [ErrInconclusive], [ErrFlagNotFound]
// or [ErrNotReady], and the value then nil. It does not block.
func (c *Client) GetFeatureFlag(_ context.Context, key string, subject Subject) (any, error) {
	a, err := c.evaluate(key, subject)
	if err != nil {
		return nil, err
	}
	return a.Value(), nil
}

// IsFeatureEnabled reports whether a flag is on for the subject, with whatever
// variant. It is false with an error, which is as for [Client.GetFeatureFlag].
func (c *Client) IsFeatureEnabled(_ context.Context, key string, subject Subject) (bool, error) {
	a, err := c.evaluate(key, subject)
	return a.Enabled, err
}

func (c *Client) evaluate(key string, subject Subject) (Answer, error) {
	set := c.loader.Rules()
	if set == nil {
		return Answer{}, c.notReady()
	}
	s, _ := c.subjects.Get().(*Subject)
	if s == nil {
		s = new(Subject)
	}
	*s = subject
	if s.Now.IsZero() {
		s.Now = time.Now()
	}
	a := set.Evaluate(key, s)
	*s = Subject{} // the pool must not keep the caller's maps alive
	c.subjects.Put(s)
	return a, errOf(key, a)
}

func (c *Client) notReady() error {
	if cause := c.loader.Status().Cause; cause != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, cause)
	}
	return ErrNotReady
}

// ReloadFeatureFlags asks PostHog for the definitions now. It returns nil when
// an answer that was asked for after the call is applied, an error when the
// request failed or ctx ended. Calls that come together share one request;
// while PostHog asks to be left alone (Retry-After), none is sent. With a
// [Config.Cache] the fleet's leader asks, and after every failure PostHog is left
// alone for a while. A cache that only reads looks at its store instead.
func (c *Client) ReloadFeatureFlags(ctx context.Context) error { return c.loader.Reload(ctx) }

// WaitUntilReady returns nil once there are definitions, also stale ones of
// the file or the bootstrap. Otherwise it returns when ctx ends or the client
// is closed, with the reason why there are none.
func (c *Client) WaitUntilReady(ctx context.Context) error { return c.loader.WaitUntilReady(ctx) }

// Status says what definitions the client holds, how old they are, and why
// they are not current if they are not.
func (c *Client) Status() Status { return c.loader.Status() }

// OnChange calls f after each change of the definitions, in order and one call
// at a time, until stop is called. f must return soon and must not call
// ReloadFeatureFlags or Close.
func (c *Client) OnChange(f func(Change)) (stop func()) { return c.loader.OnChange(f) }

// Close ends polling and waits for it. A [Config.Cache] gives back its lease, so
// that another process takes over within seconds; if it has not ended after
// 10 s, Close returns an error. Evaluations go on, from the last definitions.
// Closing twice is allowed. A client with [Config.DefinitionsFrom] ends nothing
// of the other's.
func (c *Client) Close() error {
	if c.shared {
		return nil
	}
	return c.loader.Close()
}
