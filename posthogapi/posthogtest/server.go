// Package posthogtest is a fake PostHog for tests and demonstrations: the
// definitions endpoint with its validators, status codes and error bodies, POST
// /flags answered by package rules, and endpoints that take events, for programs
// and for pages in browsers. It can be told to fail in every way in
// which the real one, or what stands before it, does.
//
// It is one project with one secret key and one personal key, and the persons of
// [Server.SetPerson]. What it leaves out: groups stored on the server, rate
// limits and quotas of its own accord, and versions 1 and 3 of /flags.
package posthogtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
)

// The keys of a server that was given none.
const (
	ProjectToken = "phc_posthogtest"
	SecretKey    = "phs_posthogtest"
	PersonalKey  = "phx_posthogtest"
)

// EmptyDefinitions is what a server serves that was given no definitions.
const EmptyDefinitions = `{"flags":[],"group_type_mapping":{},"cohorts":{}}`

// Config describes a server for [Start]. The zero value is usable.
type Config struct {
	Addr         string // TCP address; empty: a free port of the loopback interface
	ProjectToken string // empty: [ProjectToken]
	SecretKey    string // empty: [SecretKey]
	PersonalKey  string // empty: [PersonalKey]
	Definitions  []byte // nil: [EmptyDefinitions]
}

// Server is a fake PostHog. It is safe for concurrent use.
type Server struct {
	// URL is the server's address, without a trailing slash.
	URL string

	http      http.Server
	transport *http.Transport
	conns     sync.WaitGroup
	served    chan struct{} // closed when the accepting goroutine has ended

	mu       sync.Mutex
	keys     Config // the Definitions in it are not used
	document document
	failure  *Failure
	requests []Request
	persons  map[string]map[string]any // distinct id -> stored properties
	former   map[string]string         // distinct id -> that of before it was identified
	unlisted []json.RawMessage         // flags that the definitions leave out
}

// New starts a server on a free port and closes it when the test ends.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// NewInMemory is [New] without a network: only the client that
// [Server.Client] returns reaches the server. Inside a testing/synctest bubble
// it does not hold up the bubble's clock, as a socket would.
func NewInMemory(t testing.TB) *Server {
	t.Helper()
	l := newPipeListener()
	s := start(Config{}, l, "http://posthog.test")
	s.transport.DialContext = l.dial
	t.Cleanup(s.Close)
	return s
}

// Start starts a server outside a test. The caller closes it.
func Start(cfg Config) (*Server, error) {
	addr := cfg.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start fake PostHog: %w", err)
	}
	return start(cfg, l, "http://"+l.Addr().String()), nil
}

func start(cfg Config, l net.Listener, url string) *Server {
	if cfg.ProjectToken == "" {
		cfg.ProjectToken = ProjectToken
	}
	if cfg.SecretKey == "" {
		cfg.SecretKey = SecretKey
	}
	if cfg.PersonalKey == "" {
		cfg.PersonalKey = PersonalKey
	}
	if cfg.Definitions == nil {
		cfg.Definitions = []byte(EmptyDefinitions)
	}
	s := &Server{
		URL:       url,
		transport: &http.Transport{},
		served:    make(chan struct{}),
		keys:      cfg,
		document:  newDocument(cfg.Definitions, nil),
	}
	s.http.Handler = http.HandlerFunc(s.serve)
	s.http.ErrorLog = log.New(io.Discard, "", 0)
	s.http.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew: // called by the accepting goroutine
			s.conns.Add(1)
		case http.StateClosed, http.StateHijacked:
			s.conns.Done()
		}
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("posthogtest: accept: %v", err))
		}
	}()
	return s
}

// Close stops the server, cuts its connections and waits until it has ended.
// Closing twice is allowed.
func (s *Server) Close() {
	_ = s.http.Close() // the listener's error: nothing is left to lose
	<-s.served
	s.transport.CloseIdleConnections()
	s.conns.Wait()
}

// Client returns an HTTP client that reaches the server. Its idle connections
// are closed with the server.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.transport} }

// SetSecretKey replaces the project secret key: the old one is refused at once.
func (s *Server) SetSecretKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys.SecretKey = key
}

// pipeListener accepts connections of this process.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	close sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
		return nil, errors.New("dial fake PostHog: it is closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }
