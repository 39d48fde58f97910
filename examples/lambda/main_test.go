//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/rediscache"
	"github.com/hogflags/hogflags/internal/testservers"
)

const token = "phc_lambda"

// runtimeAPI is Lambda's, as the function sees it: it hands out events and takes
// replies.
type runtimeAPI struct {
	*httptest.Server
	events  chan string
	replies chan string
}

func newRuntimeAPI(t testing.TB) *runtimeAPI {
	a := &runtimeAPI{events: make(chan string), replies: make(chan string, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case e := <-a.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:1:function:f")
			_, _ = io.WriteString(w, e)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/1/{outcome}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.PathValue("outcome") != "response" {
			body = append([]byte("ERROR "), body...)
		}
		w.WriteHeader(http.StatusAccepted)
		a.replies <- string(body)
	})
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Server.Close)
	return a
}

// ask is one invocation.
func (a *runtimeAPI) ask(t testing.TB, user, plan string) reply {
	t.Helper()
	e, err := json.Marshal(event{UserID: user, Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.After(time.Minute)
	select {
	case a.events <- string(e):
	case <-deadline:
		t.Fatal("the function does not ask for events")
	}
	select {
	case text := <-a.replies:
		var r reply
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatalf("reply %s: %v", text, err)
		}
		return r
	case <-deadline:
		t.Fatal("the function does not reply")
	}
	return reply{}
}

func build(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bootstrap")
	if out, err := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// start runs the function until the returned process is stopped.
func start(t testing.TB, program string, a *runtimeAPI, cache string) (p *os.Process, stop func()) {
	t.Helper()
	cmd := testservers.Command(program)
	cmd.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(a.URL, "http://"), "HOGFLAGS_CACHE="+cache, "POSTHOG_PROJECT_API_KEY="+token,
		// Whoever asked PostHog would ask this, and fail.
		"HTTPS_PROXY=http://127.0.0.1:1")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Kill() // as Lambda does
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the function said:\n%s", &said)
		}
	}
	return cmd.Process, stop
}

// save stores definitions, last confirmed some time ago, as a leader does.
func save(t testing.TB, cache string, body []byte, ago time.Duration) {
	t.Helper()
	store, err := rediscache.Open(cache, flagcache.Scope{Project: token, Host: "https://us.i.posthog.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	rec, err := store.Acquire(context.Background(), flagcache.Bid{Token: "t", Holder: "test"}, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	e := flagcache.NewEntry(store.Scope(), body, `"1"`)
	e.Position = flagcache.Position{Epoch: rec.Lease.Epoch, Seq: 1}
	e.FetchedAt, e.CheckedAt = rec.Now.Add(-ago), rec.Now.Add(-ago)
	claim := flagcache.Claim{Token: "t", Epoch: rec.Lease.Epoch}
	if _, err := store.Save(context.Background(), claim, e); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Release(context.Background(), claim); err != nil {
		t.Fatal(err)
	}
}

func off(t testing.TB) []byte {
	t.Helper()
	return []byte(strings.Replace(string(definitions), `"active":true`, `"active":false`, 1))
}

// The function starts without its store, takes what the store holds, and after a
// freeze answers from what was stored meanwhile.
func TestFunction(t *testing.T) {
	program, redis := build(t), "redis://"+testservers.StartRedis(t).Addr

	t.Run("no store", func(t *testing.T) {
		a := newRuntimeAPI(t)
		_, stop := start(t, program, a, "redis://127.0.0.1:1")
		defer stop()
		if got := a.ask(t, "u", "pro"); got != (reply{NewCheckout: true, Source: "bootstrap"}) {
			t.Errorf("%+v, want the answer of the document in the program", got)
		}
	})

	t.Run("store", func(t *testing.T) {
		save(t, redis, off(t), 10*time.Minute)
		a := newRuntimeAPI(t)
		p, stop := start(t, program, a, redis)
		defer stop()
		if got := a.ask(t, "u", "pro"); got != (reply{NewCheckout: false, Source: "store"}) {
			t.Errorf("%+v, want the store's answer at the first invocation", got)
		}
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		save(t, redis, definitions, 0)
		if err := p.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		// What was read a moment ago is young, and the store pushes; a real freeze
		// is longer than the limit, as the client's own tests have it.
		deadline := time.Now().Add(time.Minute)
		for !a.ask(t, "u", "pro").NewCheckout {
			if time.Now().After(deadline) {
				t.Fatal("the function does not follow after a freeze")
			}
		}
	})
}

func BenchmarkCold(b *testing.B) {
	program, redis := build(b), "redis://"+testservers.StartRedis(b).Addr
	save(b, redis, definitions, 0)
	for _, c := range []struct{ name, cache string }{{"store", redis}, {"no-store", "redis://127.0.0.1:1"}} {
		b.Run(c.name, func(b *testing.B) {
			a := newRuntimeAPI(b)
			for b.Loop() {
				_, stop := start(b, program, a, c.cache)
				a.ask(b, "u", "pro")
				b.StopTimer()
				stop()
				b.StartTimer()
			}
		})
	}
}

func BenchmarkWarm(b *testing.B) {
	program, redis := build(b), "redis://"+testservers.StartRedis(b).Addr
	save(b, redis, definitions, 0)
	a := newRuntimeAPI(b)
	_, stop := start(b, program, a, redis)
	defer stop()
	a.ask(b, "u", "pro")
	for b.Loop() {
		a.ask(b, "u", "pro")
	}
}

// BenchmarkHandler is the function's own share of a warm invocation.
func BenchmarkHandler(b *testing.B) {
	redis := "redis://" + testservers.StartRedis(b).Addr
	save(b, redis, definitions, 0)
	client, err := newClient(b.Context(), redis, token, definitions)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	handle := handler(client)
	b.ReportAllocs()
	for b.Loop() {
		if r, err := handle(b.Context(), event{UserID: "u", Plan: "pro"}); err != nil || !r.NewCheckout {
			b.Fatal(r, err)
		}
	}
}
