package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// What a client may take of the server's time and memory.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	answerTimeout  = time.Minute // of a large document to a slow client
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	drainTimeout   = 10 * time.Second
)

// Config describes a relay. Coordinator and ProjectToken are required.
type Config struct {
	// Coordinator supplies the definitions. It must not have been run: the
	// relay runs it, as its sink.
	Coordinator flagcache.Coordinator

	// Upstream is what the coordinator asks when it leads. Nil is right for a
	// coordinator that only reads.
	Upstream flagcache.Upstream

	// ProjectToken is the project's public token. A request that names another
	// is refused; one that names none is for this project.
	ProjectToken string

	// Key is what clients present as their secret key, instead of PostHog's.
	// Empty lets everybody in: [Relay.Listen] then takes loopback alone.
	Key string

	// PollInterval is the fleet's. Definitions that were not confirmed for
	// three of them count as stale, and are served all the same. Zero means 30 s.
	PollInterval time.Duration

	// Logger takes what an operator should know. Nil discards it.
	Logger *slog.Logger
}

// Relay is an [http.Handler] for PostHog's definitions endpoint, beside
// /livez, /readyz and /status. It is safe for concurrent use.
type Relay struct {
	coordinator flagcache.Coordinator
	upstream    flagcache.Upstream
	access      access
	interval    time.Duration
	log         *slog.Logger
	routes      http.Handler

	served   atomic.Pointer[document] // nil until the first one was applied
	stopping atomic.Bool
}

// New makes a relay. It serves nothing before [Relay.Run] supplies it.
func New(cfg Config) (*Relay, error) {
	switch {
	case cfg.Coordinator == nil:
		return nil, errors.New("make relay: no coordinator")
	case cfg.ProjectToken == "":
		return nil, errors.New("make relay: no project token")
	}
	r := &Relay{
		coordinator: cfg.Coordinator,
		upstream:    cfg.Upstream,
		access:      newAccess(cfg.ProjectToken, cfg.Key),
		interval:    cmp.Or(cfg.PollInterval, 30*time.Second),
		log:         cfg.Logger,
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	for _, path := range []string{"/flags/definitions", "/api/feature_flag/local_evaluation"} {
		mux.HandleFunc(path, r.definitions)
		mux.HandleFunc(path+"/{$}", r.definitions)
	}
	mux.HandleFunc("GET /livez", r.livez)
	mux.HandleFunc("GET /readyz", r.readyz)
	mux.HandleFunc("GET /status", r.status)
	r.routes = mux
	return r, nil
}

// ServeHTTP answers a request.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.routes.ServeHTTP(w, req) }

// Listen listens on a TCP address, as "127.0.0.1:0". Without a key it refuses
// every address but those of loopback, as anybody could read the flags.
func (r *Relay) Listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && !r.access.keyed && !tcp.IP.IsLoopback() {
		_ = l.Close()
		return nil, fmt.Errorf("listen on %s: anybody there could read the flags: set a relay key, or listen on 127.0.0.1", address)
	}
	return l, nil
}

// Run takes part in the fleet and serves on l until ctx ends. Then it answers
// what is under way, for at most 10 s, gives the lease back, and returns nil.
// It closes l. It may be called once.
func (r *Relay) Run(ctx context.Context, l net.Listener) error {
	defer func() { _ = l.Close() }()
	server := &http.Server{
		Handler:           r,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(r.log.Handler(), slog.LevelWarn),
	}
	inFleet, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	left, closed := make(chan error, 1), make(chan error, 1)
	go func() { left <- r.coordinator.Run(inFleet, r.upstream, r) }()
	go func() { closed <- server.Serve(l) }()

	var failed error
	select {
	case <-ctx.Done():
	case failed = <-left:
		left <- nil
	case failed = <-closed:
		closed <- nil
	}
	r.stopping.Store(true)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		r.log.Warn("requests were cut off", "error", err)
		_ = server.Close()
	}
	if err := <-closed; err != nil && !errors.Is(err, http.ErrServerClosed) {
		r.log.Warn("the listener failed", "error", err)
	}
	leave()
	if err := cmp.Or(failed, <-left); err != nil {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}
