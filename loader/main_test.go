package loader_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	documentA = `{"flags":[{"key":"a","active":true,"filters":{}},{"key":"b","active":true,"filters":{}}],"cohorts":{}}`
	documentB = `{"flags":[{"key":"a","active":false,"filters":{}},{"key":"c","active":true,"filters":{}}],"cohorts":{}}`
)

// newServer starts a fake PostHog that serves documentA, inside a bubble.
func newServer(t *testing.T) *posthogtest.Server {
	t.Helper()
	srv := posthogtest.NewInMemory(t)
	srv.SetDefinitions([]byte(documentA))
	return srv
}

func upstreamOf(t *testing.T, srv *posthogtest.Server) flagcache.Upstream {
	t.Helper()
	c, err := posthogapi.New(posthogapi.Config{
		Host:         srv.URL,
		ProjectToken: posthogtest.ProjectToken,
		SecretKey:    posthogtest.SecretKey,
		HTTPClient:   srv.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return flagcache.PostHog(c)
}

// start starts a loader on srv, unless cfg names another upstream, and closes
// it with the test.
func start(t *testing.T, srv *posthogtest.Server, cfg loader.Config) *loader.Loader {
	t.Helper()
	if cfg.Upstream == nil {
		cfg.Upstream = upstreamOf(t, srv)
	}
	l, err := loader.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// ready starts a loader and waits until it is.
func ready(t *testing.T, srv *posthogtest.Server, cfg loader.Config) *loader.Loader {
	t.Helper()
	l := start(t, srv, cfg)
	if err := l.WaitUntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// logs collects what a loader logs, as text lines.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// count is the number of lines at a level ("WARN") that hold a text.
func (l *logs) count(level, text string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, "level="+level+" ") && strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// upstreamFunc is an upstream in the form of a function.
type upstreamFunc func(ctx context.Context, etag string) (flagcache.Answer, error)

func (f upstreamFunc) Fetch(ctx context.Context, etag string) (flagcache.Answer, error) {
	return f(ctx, etag)
}

// within is a context that ends after d, on the bubble's clock.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
