// Package interop runs real clients against hogflags: PostHog's SDKs, a browser
// and OpenFeature's providers, each beside the same client against PostHog
// itself, that is, package posthogtest. They come from npm and pip, so the tests
// run on demand: make interop.
package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hogflags/hogflags/internal/testservers"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

var on = flag.Bool("interop", false, "run the real clients, which make interop installs")

// patience bounds what a client may take on a busy machine.
const patience = 90 * time.Second

const relayKey = "phs_relay_interop"

func lacking(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

func program(t *testing.T, name string) string {
	t.Helper()
	if !*on {
		t.Skip("real clients run on demand: make interop")
	}
	path, err := exec.LookPath(name)
	if err != nil {
		lacking(t, name+" is not installed (see .ci/servers)")
	}
	return path
}

// client is the command of a client, which is a file in clients/.
func client(t *testing.T, name string) []string {
	t.Helper()
	if strings.HasSuffix(name, ".py") {
		program(t, "python3")
		python := filepath.Join("venv", "bin", "python")
		if _, err := os.Stat(python); err != nil {
			lacking(t, "the Python packages are not installed: make interop")
		}
		return []string{python, filepath.Join("clients", name)}
	}
	node := program(t, "node")
	if _, err := os.Stat("node_modules"); err != nil {
		lacking(t, "the npm packages are not installed: make interop")
	}
	return []string{node, filepath.Join("clients", name)}
}

// run runs a client to its end: the task is JSON on its command line, the
// outcome JSON on its standard output.
func run[T any](t *testing.T, name string, task any) T {
	t.Helper()
	command := client(t, name)
	encoded, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, command[0], append(command[1:], string(encoded))...)
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	var outcome T
	if err == nil {
		err = json.Unmarshal(out, &outcome)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out, complaints.String())
	}
	t.Cleanup(func() {
		if t.Failed() && complaints.Len() > 0 {
			t.Logf("%s: %s", name, complaints.String())
		}
	})
	return outcome
}

var built struct {
	sync.Once
	path string
	err  error
}

// hogflags is the command, built once.
func hogflags(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		var dir string
		if dir, built.err = os.MkdirTemp("", "hogflags-interop-"); built.err != nil {
			return
		}
		built.path = filepath.Join(dir, "hogflags")
		if out, err := exec.CommandContext(context.Background(), "go", "build", "-o", built.path, "../cmd/hogflags").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatalf("build hogflags: %v", built.err)
	}
	return built.path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.path != "" {
		_ = os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(code)
}

// project is a fake PostHog with the project of the demo.
func project(t *testing.T) *posthogtest.Server {
	t.Helper()
	definitions, err := os.ReadFile("../cmd/hogflags/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	server := posthogtest.New(t)
	server.SetDefinitions(definitions)
	return server
}

// serve runs hogflags serve before a PostHog until the test ends, and returns its
// address.
func serve(t *testing.T, upstream string, args ...string) string {
	t.Helper()
	c := testservers.Command(hogflags(t), append([]string{"serve", "--listen=127.0.0.1:0"}, args...)...)
	c.Env = append(os.Environ(), "POSTHOG_HOST="+upstream, "POSTHOG_PROJECT_API_KEY="+posthogtest.ProjectToken,
		"POSTHOG_SECRET_KEY="+posthogtest.SecretKey, "HOGFLAGS_RELAY_KEY="+relayKey, "HOGFLAGS_CACHE=memory:",
		"HOGFLAGS_POLL_INTERVAL=10m") // one poll a test
	var log bytes.Buffer
	c.Stderr = &log
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		if err := c.Wait(); err != nil {
			t.Errorf("hogflags serve: %v", err)
		}
		if t.Failed() {
			t.Logf("hogflags serve said:\n%s", &log)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), "serving on ")
	if !ok {
		t.Fatalf("hogflags serve printed %q: %v", line, err)
	}
	awaitReady(t, address)
	return address
}

// awaitReady waits until a relay has definitions: some SDKs give up for a while
// where their first request finds none.
func awaitReady(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		resp, err := http.Get(address + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the relay is not ready: %s", resp.Status)
		}
	}
}

// count is how many requests for a path PostHog got after its first ones.
func count(server *posthogtest.Server, since int, path string) int {
	n := 0
	for _, r := range server.Requests()[since:] {
		if strings.TrimSuffix(r.Path, "/") == path {
			n++
		}
	}
	return n
}
