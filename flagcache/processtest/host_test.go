//go:build unix

package processtest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// TestProcessesOnOneHost runs processes on the stores that need no server: one
// asks upstream, an edit reaches all, a leader that stops hands over. Killed ones
// are in the stores' own tests.
func TestProcessesOnOneHost(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes, and takes some seconds")
	}
	build(t) // once, before they run beside each other
	for name, url := range map[string]func(dir string) string{
		"file":   func(dir string) string { return "file:" + filepath.Join(dir, "flags") },
		"sqlite": func(dir string) string { return "sqlite:" + filepath.Join(dir, "flags.db") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startSix(t, url(t.TempDir()))
			f.checkRequests(t, "start", 1)
			lags := f.edit(t, 1)
			t.Logf("after the leader the others serve an edit in %v", lags)
			f.checkRequests(t, "edit", 2)

			who := f.leaderOf(t)
			if code := who.stop(t); code != 0 {
				t.Errorf("the leader stops with exit code %d", code)
			}
			f.extra++
			_, took := f.led(t, "another leads", takeOver)
			t.Logf("another leads %v after the leader stopped", took)
			f.serving(t, "after the leader stopped")
			f.checkRequests(t, "hand-over", 2)
		})
	}
}

// startSix starts six processes on a store, and waits until one leads and all
// serve.
func startSix(t *testing.T, storeURL string) *fleet {
	t.Helper()
	build(t)
	f := &fleet{up: posthogtest.New(t), began: time.Now()}
	if err := f.up.AddFlag([]byte(flag)); err != nil {
		t.Fatal(err)
	}
	env := f.env(storeURL)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		f.all = append(f.all, start(t, name, env, "--poll-interval", interval.String()))
	}
	f.led(t, "the fleet starts", takeOver)
	return f
}
