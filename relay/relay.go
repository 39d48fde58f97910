package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/hogflags/hogflags/flagcache"
)

// Options is what a relay needs of the program around it.
type Options struct {
	// OpenStore opens the store of a project's Cache. It does not wait for a
	// server. Nil: projects cannot have one.
	OpenStore func(url string, scope flagcache.Scope) (Store, error)

	// OpenPublisher makes the publisher of a project's PublishTo, which asks token
	// for the API token at each request. It does no I/O. Nil: projects cannot have
	// one.
	OpenPublisher func(url string, scope flagcache.Scope, token func(context.Context) (string, error)) (flagcache.Publisher, error)

	// Transport sends the requests to PostHog. Nil: one of the relay's own.
	Transport http.RoundTripper

	// Logger takes what an operator should know. Nil discards it.
	Logger *slog.Logger

	// TracerProvider takes the spans of requests, polls and operations on stores
	// (docs/traces.md). Nil: there are none, at no cost.
	TracerProvider trace.TracerProvider

	// Propagator reads to which trace a request belongs. Nil: W3C Trace Context.
	Propagator propagation.TextMapPropagator
}

// Relay is an [http.Handler] that answers as PostHog does. It is safe for
// concurrent use.
type Relay struct {
	deps        deps
	admin       http.Handler
	limits      limits
	started     time.Time
	stopping    atomic.Bool
	leaving     chan struct{} // closed when streams are to end
	leave       func()
	streams     atomic.Int64
	subscribers sync.WaitGroup // of streams
	metrics     *metrics
	tracing     *tracing // nil: none

	shedStreams atomic.Uint64
	current     atomic.Pointer[registry]

	mu     sync.Mutex // held while the registry is replaced
	closed bool
}

// New makes a relay and starts to keep the definitions of its projects current.
// It does not wait for them, and its ctx ends nothing later. Close it.
func New(ctx context.Context, cfg Config, opts Options) (*Relay, error) {
	r := &Relay{
		deps:    deps{open: opts.OpenStore, publisher: opts.OpenPublisher, transport: opts.Transport, log: opts.Logger},
		started: time.Now(),
		leaving: make(chan struct{}),
	}
	r.leave = sync.OnceFunc(func() {
		r.stopping.Store(true)
		close(r.leaving)
	})
	if r.deps.log == nil {
		r.deps.log = slog.New(slog.DiscardHandler)
	}
	if r.deps.transport == nil {
		r.deps.transport = newTransport()
	}
	if r.tracing = newTracing(opts); r.tracing != nil {
		r.deps.tracing, r.deps.transport = r.tracing, tracedTransport{r.deps.transport, r.tracing}
	}
	r.admin = http.HandlerFunc(r.serveAdmin)
	r.metrics = newMetrics(r)
	r.current.Store(&registry{})
	if err := r.apply(ctx, cfg); err != nil {
		return nil, fmt.Errorf("make relay: %w", err)
	}
	return r, nil
}

// newTransport keeps connections for as many requests as a relay may have.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          512,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: time.Minute, // a stream has sent its head by then
		DisableCompression:    true,        // what passes through stays as it is
	}
}

// Reload replaces the configuration without dropping a request: those under way
// finish under the former one. A configuration that cannot be used is refused,
// and the former one stays. Feeds whose part of it did not change go on; the
// addresses and the files of TLS cannot change.
func (r *Relay) Reload(ctx context.Context, cfg Config) error {
	if err := r.apply(ctx, cfg); err != nil {
		return fmt.Errorf("reload configuration: %w", err)
	}
	return nil
}

func (r *Relay) apply(ctx context.Context, cfg Config) error {
	cfg, err := cfg.complete()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	former := r.current.Load()
	switch {
	case r.closed:
		return errors.New("the relay is closed")
	case former.projects == nil:
	case cfg.Listen != former.cfg.Listen || cfg.Admin != former.cfg.Admin:
		return errors.New("listen and admin cannot change while it runs: restart it")
	case cfg.TLS != former.cfg.TLS:
		return errors.New("the names of the TLS files cannot change while it runs: restart it")
	}
	if err := listenable(cfg); err != nil {
		return err
	}
	kept := map[supply]*feed{}
	remotes := map[string]*remote{}
	replaced := map[string]*feed{}
	for _, p := range former.projects {
		kept[p.feed.of] = p.feed
		remotes[p.Token] = p.remote
		replaced[p.Token] = p.feed
	}
	operators, err := newKeyring("operator_keys", cfg.OperatorKeys, cfg.OperatorKeysFrom)
	if err != nil {
		return err
	}
	var fresh, paused []*feed
	projects := make([]*project, 0, len(cfg.Projects))
	for _, of := range cfg.Projects {
		p := &project{Project: of}
		if p.keys, err = newKeyring("relay_keys", of.RelayKeys, of.RelayKeysFrom); err == nil {
			p.remote, err = newRemote(&of, remotes[of.Token], r.deps)
		}
		if err == nil {
			p.signed, err = of.signingKeys()
		}
		var source supply
		if err == nil {
			source, err = of.supply()
		}
		if p.feed = kept[source]; p.feed == nil && err == nil {
			from := replaced[of.Token]
			if from != nil && from.of.host != of.Host {
				from = nil // another PostHog
			}
			if from != nil {
				from.pause()
				paused = append(paused, from)
			}
			if p.feed, err = startFeed(ctx, of.Name, source, p.signed, from, r.deps); err == nil {
				fresh = append(fresh, p.feed)
			}
		}
		if err != nil {
			for _, f := range paused {
				f.resume()
			}
			for _, f := range fresh {
				err = errors.Join(err, f.close())
			}
			return fmt.Errorf("project %s: %w", of.Name, err)
		}
		p.proxy = newProxy(&p.Project, r.deps)
		projects = append(projects, p)
	}
	for _, p := range projects {
		if err := p.feed.rotate(p.signed); err != nil { // a new feed, or one that signs as before
			r.deps.log.Error("keys not replaced", "project", p.Name, "error", err)
		}
	}
	next := newRegistry(cfg, projects)
	next.operators = operators
	r.limits.set(cfg.Limits)
	r.current.Store(next)
	r.retire(former, next)
	if former.projects != nil {
		r.deps.log.Info("configuration replaced", "projects", len(projects), "feeds_started", len(fresh))
	}
	return nil
}

// retire ends the feeds that the next registry does not use.
func (r *Relay) retire(former, next *registry) {
	used := map[*feed]bool{}
	for _, p := range next.projects {
		used[p.feed] = true
	}
	for _, p := range former.projects {
		if !used[p.feed] {
			if err := p.feed.close(); err != nil {
				r.deps.log.Warn("a feed did not end well", "project", p.Name, "error", err)
			}
		}
	}
}

// listenable refuses to let strangers read flags.
func listenable(cfg Config) error {
	if loopback(cfg.Listen) {
		return nil
	}
	for i := range cfg.Projects {
		if p := &cfg.Projects[i]; p.open() {
			return fmt.Errorf("listen on %s: anybody there could read the flags of project %s: set a relay key, or listen on 127.0.0.1", cfg.Listen, p.Name)
		}
	}
	return nil
}

// WaitUntilReady returns nil once every project that is not optional has
// definitions, also stale ones. Otherwise it returns when ctx ends or the relay
// is closed, with the reason why there are none.
func (r *Relay) WaitUntilReady(ctx context.Context) error {
	for _, p := range r.current.Load().projects {
		if p.Optional {
			continue
		}
		if err := p.feed.waitUntilReady(ctx); err != nil {
			return fmt.Errorf("project %s: %w", p.Name, err)
		}
	}
	return nil
}

// Close ends all feeds, and gives their leases back. It waits for them for 10 s
// at most. Requests are still answered, from the last definitions. Closing twice
// is allowed.
func (r *Relay) Close() error {
	r.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	var wait sync.WaitGroup
	projects := r.current.Load().projects
	errs := make([]error, len(projects))
	for i, p := range projects {
		wait.Go(func() { errs[i] = p.feed.close() })
	}
	wait.Wait()
	if t, ok := r.deps.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	return errors.Join(errs...)
}
