package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

func TestMain(m *testing.M) {
	if order := os.Getenv(crowdVariable); order != "" {
		if err := beCrowd(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const key = "phs_relay_key"

// running is a relay on a free port.
type running struct {
	url   string
	ops   string // where health and status are, if that is elsewhere
	relay *relay.Relay
	logs  *syncBuffer
	stop  func() error // what Run returned
}

// option changes the configuration of a test's relay.
type option func(*relay.Config, *relay.Options)

func keyless(c *relay.Config, _ *relay.Options) { c.Projects[0].RelayKeys = nil }

// project changes the one project.
func project(change func(*relay.Project)) option {
	return func(c *relay.Config, _ *relay.Options) { change(&c.Projects[0]) }
}

// sharing makes the relay one of a fleet.
func sharing(store *memorycache.Store) option {
	return func(c *relay.Config, o *relay.Options) {
		c.Projects[0].Cache = "memory:"
		o.OpenStore = func(string, flagcache.Scope) (relay.Store, error) { return kept{store}, nil }
	}
}

// kept is a store that outlives a relay.
type kept struct{ *memorycache.Store }

func (kept) Close() error { return nil }

// config is one project of a fake PostHog, with a relay key.
func config(up *posthogtest.Server) relay.Config {
	return relay.Config{
		Listen: "127.0.0.1:0",
		Projects: []relay.Project{{
			Name: "test", Token: posthogtest.ProjectToken, Host: up.URL, PollInterval: time.Second,
			SecretKey: relay.Source{Value: posthogtest.SecretKey}, RelayKeys: []string{relay.HashKey(key)},
		}},
	}
}

// start runs a relay until the test ends, or stop is called.
func start(t *testing.T, up *posthogtest.Server, options ...option) *running {
	t.Helper()
	logs := &syncBuffer{}
	cfg := config(up)
	opts := relay.Options{
		Logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, o := range options {
		o(&cfg, &opts)
	}
	r, err := relay.New(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	l, admin, err := r.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, l, admin) }()
	stop := sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = stop() })
	started := &running{url: "http://" + l.Addr().String(), relay: r, logs: logs, stop: stop}
	if admin != nil {
		started.ops = "http://" + admin.Addr().String()
	}
	return started
}

// web speaks HTTP without keeping connections, undoing gzip or following.
var web = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

// answer is a response that was read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; header has names and values by turns.
func (r *running) ask(t *testing.T, method, path string, header ...string) answer {
	t.Helper()
	return r.send(t, method, path, "", header...)
}

// admin is ask where health and status are.
func (r *running) admin(t *testing.T, method, path string) answer {
	t.Helper()
	return (&running{url: r.ops}).ask(t, method, path)
}

// send is ask with a body.
func (r *running) send(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var got bytes.Buffer
	if _, err := got.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, got.String()}
}

// await asks until the answer is good.
func (r *running) await(t *testing.T, what, path string, good func(answer) bool) answer {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		a := r.ask(t, http.MethodGet, path, "Authorization", "Bearer "+key)
		if good(a) {
			return a
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s: %d %s\n%s", what, a.status, a.body, r.logs)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (r *running) ready(t *testing.T) {
	t.Helper()
	r.await(t, "the relay is ready", "/readyz", func(a answer) bool { return a.status == http.StatusOK })
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
