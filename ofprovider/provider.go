// Package ofprovider answers OpenFeature evaluations from a hogflags client.
//
// The mapping is that of PostHog's own OpenFeature providers. The targeting key is
// the distinct id, the attributes "groups" and "group_properties" (or
// "groupProperties") are PostHog's, and every other attribute is a person
// property. A boolean is whether the flag is on, a string its variant, a number the
// variant read as one, an object the payload of the value served.
package ofprovider

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/hogflags/hogflags"
)

// Name is the provider's in OpenFeature's metadata.
const Name = "hogflags"

// initTimeout is for an initialization that has no deadline.
const initTimeout = 10 * time.Second

// Config says how a [Provider] maps. The zero value is usable.
type Config struct {
	// DefaultDistinctID is for evaluations without a targeting key, in which
	// no request context of hogflags has a distinct id either. Empty: they
	// fail with TARGETING_KEY_MISSING.
	DefaultDistinctID string
}

// Provider is an OpenFeature provider. It is safe for concurrent use.
//
// Initializing it waits until the client has definitions; a client that may ask
// PostHog answers before that, too. Its one goroutine runs from then until the
// provider is shut down. The client stays its maker's to close, after that.
type Provider struct {
	client *hogflags.Client
	config Config
	events chan openfeature.Event

	revision atomic.Pointer[revision]

	mu    sync.Mutex
	watch *watch // nil: not initialized, or shut down
}

var (
	_ openfeature.FeatureProvider          = (*Provider)(nil)
	_ openfeature.ContextAwareStateHandler = (*Provider)(nil)
	_ openfeature.EventHandler             = (*Provider)(nil)
	_ openfeature.Tracker                  = (*Provider)(nil)
)

// New makes a provider over a client, which should have a [hogflags.Config.Events]
// if evaluations and tracking are to be reported to PostHog.
func New(client *hogflags.Client, cfg Config) *Provider {
	return &Provider{client: client, config: cfg, events: make(chan openfeature.Event)}
}

// Metadata is the provider's name.
func (p *Provider) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: Name} }

// Hooks is empty: the provider has none of its own.
func (p *Provider) Hooks() []openfeature.Hook { return nil }

// EventChannel carries PROVIDER_READY, PROVIDER_STALE, PROVIDER_ERROR and
// PROVIDER_CONFIGURATION_CHANGED.
func (p *Provider) EventChannel() <-chan openfeature.Event { return p.events }

// Init is InitWithContext, for at most 10 s.
func (p *Provider) Init(ec openfeature.EvaluationContext) error {
	return p.InitWithContext(context.Background(), ec)
}

// InitWithContext waits for the client's first definitions, until ctx ends, or for
// 10 s if it has no deadline. With an error the provider answers what it can, and
// says PROVIDER_READY once there are definitions, unless it was shut down meanwhile.
func (p *Provider) InitWithContext(ctx context.Context, _ openfeature.EvaluationContext) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, initTimeout)
		defer cancel()
	}
	w, first := p.watching()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.life, cancel)() // a shutdown does not wait for this
	err := p.client.WaitUntilReady(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case w.life.Err() != nil:
		return errShutdown
	case first:
		w.begin(err == nil)
	}
	return err
}

var errShutdown = errors.New("the provider was shut down before there were flag definitions")

// watching is the watch, and whether it is new: a provider may serve several
// domains.
func (p *Provider) watching() (w *watch, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watch == nil {
		p.watch, first = newWatch(p.client, p.events), true
	}
	return p.watch, first
}

// Shutdown ends the provider's goroutine and waits for that.
func (p *Provider) Shutdown() { _ = p.ShutdownWithContext(context.Background()) }

// ShutdownWithContext is Shutdown; it does not take long.
func (p *Provider) ShutdownWithContext(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watch != nil {
		p.watch.end()
		p.watch = nil
	}
	return nil
}
