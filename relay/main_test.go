package relay_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "relay-key"

// running is a relay on a free port, whose upstream is a fake PostHog.
type running struct {
	url   string
	store *memorycache.Store
	logs  *syncBuffer
	stop  func() error // what Run returned
}

// start starts a relay. A key that is empty lets everybody in.
func start(t *testing.T, up *posthogtest.Server, key string) *running {
	t.Helper()
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	return join(t, store, up, key)
}

func join(t *testing.T, store *memorycache.Store, up *posthogtest.Server, key string) *running {
	t.Helper()
	client, err := posthogapi.New(posthogapi.Config{
		Host: up.URL, ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, HTTPClient: up.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := flagcache.New(store, flagcache.Options{Interval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	logs := &syncBuffer{}
	r, err := relay.New(relay.Config{
		Coordinator: fleet, Upstream: flagcache.PostHog(client), ProjectToken: posthogtest.ProjectToken, Key: key,
		PollInterval: time.Second, Logger: slog.New(slog.NewTextHandler(logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	started := run(t, r)
	started.store, started.logs = store, logs
	return started
}

// run runs a relay on a free port until the test ends, or stop is called.
func run(t *testing.T, r *relay.Relay) *running {
	t.Helper()
	l, err := r.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, l) }()
	stop := sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = stop() })
	return &running{url: "http://" + l.Addr().String(), logs: &syncBuffer{}, stop: stop}
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
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body.String()}
}

// await asks until the answer is good.
func (r *running) await(t *testing.T, what, path string, good func(answer) bool) answer {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
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
