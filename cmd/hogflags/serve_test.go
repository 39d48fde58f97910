package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// A relay is what the other commands can ask in place of PostHog, with a key
// of its own, until it is interrupted.
func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	up, err := posthogtest.Start(posthogtest.Config{Definitions: demoProject})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	const key = "relay-key"
	cmd := serveCmd{
		cache: cache{Cache: "memory:", project: project{
			ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: up.URL,
		}},
		Listen: "127.0.0.1:0", RelayKey: key, PollInterval: time.Second,
	}
	url, stop := startServe(t, cmd)
	defer func() { _, _ = stop() }() // checked below
	awaitReady(t, url)

	for _, test := range []struct {
		key  string
		code int
		want string
	}{
		{key, exitOK, "checkout-upsell"},
		{"phs_other", exitUpstream, "Secret API token is invalid"},
	} {
		var stdout, stderr bytes.Buffer
		args := []string{"eval", "--host", url, "--project-token", posthogtest.ProjectToken, "--secret-key", test.key, "--distinct-id", "ada"}
		if code := run(args, console{out: &stdout, err: &stderr}); code != test.code || !strings.Contains(stdout.String()+stderr.String(), test.want) {
			t.Errorf("eval with key %s: exit code %d, want %d and %q:\n%s%s", test.key, code, test.code, test.want, &stdout, &stderr)
		}
	}

	logs, err := stop()
	if err != nil {
		t.Errorf("Run = %v, want nil after an interrupt", err)
	}
	for _, secret := range []string{key, posthogtest.SecretKey} {
		if strings.Contains(logs, secret) {
			t.Errorf("a key is in the logs:\n%s", logs)
		}
	}
}

// A reader needs no secret key, asks nobody, and is not ready on an empty store.
func TestServeReadOnly(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	url, stop := startServe(t, serveCmd{
		cache:  cache{Cache: "memory:", project: project{ProjectToken: posthogtest.ProjectToken, Host: "http://127.0.0.1:1"}},
		Listen: "127.0.0.1:0", PollInterval: time.Second, ReadOnly: true,
	})
	defer func() {
		if _, err := stop(); err != nil {
			t.Errorf("Run = %v, want nil after an interrupt", err)
		}
	}()
	resp, err := http.Get(url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "no definitions in the store yet") {
		t.Errorf("/readyz %d %q, %v, want 503 and why", resp.StatusCode, body, err)
	}
}

// A relay starts while its store is down, and serves what PostHog tells it.
func TestServeWithoutItsStore(t *testing.T) {
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	up, err := posthogtest.Start(posthogtest.Config{Definitions: demoProject})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	url, stop := startServe(t, serveCmd{
		cache: cache{Cache: "redis://127.0.0.1:1", project: project{
			ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: up.URL,
		}},
		Listen: "127.0.0.1:0", PollInterval: time.Second,
	})
	awaitReady(t, url)
	if logs, err := stop(); err != nil || !strings.Contains(logs, "store does not answer") {
		t.Errorf("Run = %v, logs\n%s", err, logs)
	}
}

// Without a store a relay keeps definitions in this user's cache folder, where
// they survive it.
func TestServeDefaultStore(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	home := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, home)
	}
	up, err := posthogtest.Start(posthogtest.Config{Definitions: demoProject})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	cmd := serveCmd{
		cache: cache{project: project{
			ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: up.URL,
		}},
		Listen: "127.0.0.1:0", PollInterval: time.Second,
	}
	url, stop := startServe(t, cmd)
	awaitReady(t, url)
	logs, err := stop()
	if err != nil || !strings.Contains(logs, "definitions.db") {
		t.Errorf("Run = %v, logs\n%s", err, logs)
	}
	cmd.ReadOnly = true
	url, stop = startServe(t, cmd)
	awaitReady(t, url)
	if _, err := stop(); err != nil {
		t.Errorf("Run = %v", err)
	}

	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, "")
	}
	var warned bytes.Buffer
	if got := defaultStore(slog.New(slog.NewTextHandler(&warned, nil))); got != "memory:" || !strings.Contains(warned.String(), "memory alone") {
		t.Errorf("without a home: %s\n%s", got, &warned)
	}
}

// startServe runs the command until stop, which returns its logs and error.
func startServe(t *testing.T, cmd serveCmd) (url string, stop func() (logs string, err error)) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	var logs bytes.Buffer // read after Run has returned
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := cmd.Run(ctx, console{out: out, err: &logs})
		done <- err
		_ = out.CloseWithError(err)
	}()
	stop = sync.OnceValues(func() (string, error) {
		interrupt()
		err := <-done
		return logs.String(), err
	})
	line, err := bufio.NewReader(in).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "hogflags: serving on ")
	if err != nil || !ok {
		t.Fatalf("printed %q, %v, want the address", line, err)
	}
	return url, stop
}

func awaitReady(t *testing.T, url string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		resp, err := http.Get(url + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the relay is not ready after a minute")
		}
		<-time.After(5 * time.Millisecond)
	}
}
