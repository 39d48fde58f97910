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
	"github.com/hogflags/hogflags/loader"
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

// WaitUntilReady returns nil once every project that is not optional has
// definitions, also stale ones. Otherwise it returns when ctx ends or the relay
// is closed, with the reason why there are none.
func (r *Relay) WaitUntilReady(ctx context.Context) error {
	for {
		s := r.current.Load()
		err := s.waitUntilReady(ctx)
		if !errors.Is(err, loader.ErrClosed) || r.current.Load() == s {
			return err
		} // else a reload has ended the feed
	}
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
	err := closeAll(r.current.Load().feeds())
	if t, ok := r.deps.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	return err
}
