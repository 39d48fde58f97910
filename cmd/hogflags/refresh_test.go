package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// A kill switch is pulled in PostHog and does not wait for the next poll.
func TestRefresh(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	up, err := posthogtest.Start(posthogtest.Config{Definitions: demoProject})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	keyFile := filepath.Join(t.TempDir(), "operator.key")
	if err := os.WriteFile(keyFile, []byte("operator\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url, stop := startServe(t, serveCmd{
		cache: cache{Cache: "memory:", project: project{
			ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: up.URL,
		}},
		Listen: "127.0.0.1:0", RelayKey: "relay-key", PollInterval: time.Hour, OperatorKeys: keyFile,
	})
	defer func() {
		if _, err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
	}()
	awaitReady(t, url)
	if err := up.SetActive("checkout-upsell", false); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.key")
	if err := os.WriteFile(other, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{url, "--key-file", keyFile}, exitOK, "  changed\n"},
		{[]string{url, "--key-file", keyFile}, exitOK, "  unchanged\n"},
		{[]string{url, "--key-file", keyFile, "--project", "none"}, exitUsage, "no project of that name"},
		{[]string{url, "--key-file", other}, exitUsage, "Want an operator key"},
		{[]string{url}, exitUsage, "--key-file"},
		{[]string{"http://127.0.0.1:1", "--key-file", keyFile}, exitUpstream, "refused"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(append([]string{"refresh"}, test.args...), console{out: &stdout, err: &stderr})
		if out := stdout.String() + stderr.String(); code != test.code || !strings.Contains(out, test.want) {
			t.Errorf("refresh %q: exit code %d, want %d and %q: %s", test.args, code, test.code, test.want, out)
		}
	}
}
