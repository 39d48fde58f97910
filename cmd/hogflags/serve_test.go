package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
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
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	const key = "relay-key"
	cmd := serveCmd{
		cache: cache{Cache: "memory:", project: project{
			ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: up.URL,
		}},
		Listen: "127.0.0.1:0", RelayKey: key, PollInterval: time.Second,
	}
	var logs bytes.Buffer // read after Run has returned
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := cmd.Run(ctx, console{out: out, err: &logs})
		done <- err
		_ = out.CloseWithError(err)
	}()
	line, err := bufio.NewReader(in).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "hogflags: serving on ")
	if err != nil || !ok {
		t.Fatalf("printed %q, %v, want the address", line, err)
	}
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

	interrupt()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil after an interrupt", err)
	}
	for _, secret := range []string{key, posthogtest.SecretKey} {
		if strings.Contains(logs.String(), secret) {
			t.Errorf("a key is in the logs:\n%s", &logs)
		}
	}
}

func awaitReady(t *testing.T, url string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
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
			t.Fatal("the relay is not ready after 10 s")
		}
		<-time.After(5 * time.Millisecond)
	}
}
