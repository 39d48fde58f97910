package interop

import (
	"context"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// startRedis runs a redis-server on a free port until the test ends.
func startRedis(t *testing.T) string {
	t.Helper()
	path := program(t, "redis-server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(addr)
	c := exec.CommandContext(context.Background(), path, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // its exit status is the signal
	})
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			return "redis://" + addr + "/0"
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// An SDK with PostHog's cache interface over Redis reads what hogflags wrote, and
// hogflags reads what the SDK wrote. Who reads asks PostHog for nothing.
func TestSharedCache(t *testing.T) {
	for _, sdk := range sdks {
		t.Run(sdk, func(t *testing.T) {
			client(t, sdk)
			posthog := project(t)
			task := sdkTask{
				Host: posthog.URL, Token: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey,
				PollingInterval: 200, Subjects: subjects, Locally: true,
			}
			direct := run[sdkOutcome](t, sdk, task)

			t.Run("hogflags writes", func(t *testing.T) {
				redis := startRedis(t)
				relay := serve(t, posthog.URL, "--cache="+redis+"?service_key=checkout")
				through := task
				through.Host, through.SecretKey = relay, relayKey
				run[sdkOutcome](t, sdk, through) // waits until there are definitions
				since := len(posthog.Requests())
				shared := task
				shared.Redis, shared.ServiceKey, shared.Hold, shared.Clients = redis, "checkout", 1000, 3
				got := run[sdkOutcome](t, sdk, shared)
				if diff := cmp.Diff(got.Answers, direct.Answers); diff != "" {
					t.Errorf("(-from the cache +directly):\n%s", diff)
				}
				if n := count(posthog, since, definitionsPath); n > 0 {
					t.Errorf("PostHog got %d requests for definitions, want none while hogflags leads", n)
				}
			})
			t.Run("the SDK writes", func(t *testing.T) {
				redis := startRedis(t)
				shared := task
				shared.Redis, shared.ServiceKey = redis, "checkout"
				if diff := cmp.Diff(run[sdkOutcome](t, sdk, shared), direct); diff != "" {
					t.Fatalf("(-as the one that fetches +directly):\n%s", diff)
				}
				since := len(posthog.Requests())
				through := task
				through.Host, through.SecretKey = serve(t, posthog.URL, "--read-only", "--cache="+redis+"?service_key=checkout"), relayKey
				if diff := cmp.Diff(run[sdkOutcome](t, sdk, through), direct); diff != "" {
					t.Errorf("(-what hogflags read +directly):\n%s", diff)
				}
				if n := count(posthog, since, definitionsPath); n > 0 {
					t.Errorf("PostHog got %d requests for definitions, want none", n)
				}
			})
		})
	}
}
