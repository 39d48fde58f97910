package interop

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/internal/testservers"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

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
				redis := "redis://" + testservers.StartRedis(t).Addr + "/0"
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
				redis := "redis://" + testservers.StartRedis(t).Addr + "/0"
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
