//go:build unix

package rediscache_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
	"github.com/hogflags/hogflags/flagcache/rediscache"
	"github.com/hogflags/hogflags/internal/testservers"
)

// interopBackend gives each scope a service key of its own. Not part of the
// layout, and so not run: bodies that are no JSON objects, pins, and two scopes
// apart under one service key, for which see TestServiceKeyOfAnotherProject.
func interopBackend(client redis.UniversalClient) cachetest.Backend {
	key := func(scope flagcache.Scope) string { return "{" + scope.Key() + "}" }
	del := func(t testing.TB, keys ...string) {
		t.Helper()
		if err := client.Del(t.Context(), keys...).Err(); err != nil {
			t.Fatalf("delete keys: %v", err)
		}
	}
	return cachetest.Backend{
		ObjectsOnly: true,
		Open: func(t testing.TB, scope flagcache.Scope) flagcache.Store {
			s, err := rediscache.NewInterop(client, scope, key(scope))
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Wipe: func(t testing.TB, scope flagcache.Scope) {
			document := "posthog:flags:" + key(scope)
			del(t, document, document+":lock", document+":hogflags")
		},
		Evict: func(t testing.TB, scope flagcache.Scope) {
			del(t, "posthog:flags:"+key(scope))
		},
	}
}

func TestInteropSuite(t *testing.T) {
	cachetest.Run(t, interopBackend(newClient(t, testservers.StartRedis(t).Addr)))
}

func TestInteropSuiteOnCluster(t *testing.T) {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:                 testservers.StartRedisCluster(t),
		ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = client.Close() })
	cachetest.Run(t, interopBackend(client))
	for _, key := range []string{"checkout", "{}checkout", "che{ckout"} {
		_, err := rediscache.NewInterop(client, flagcache.Scope{Project: "phc_x", Host: "h"}, key)
		if err == nil || !strings.Contains(err.Error(), "hash tag") {
			t.Errorf("service key %q in a cluster: %v, want it refused for want of a hash tag", key, err)
		}
	}
}

func TestInteropNetwork(t *testing.T) {
	cachetest.RunNetwork(t, testservers.StartRedis(t).Addr, func(t testing.TB, addr string, scope flagcache.Scope) flagcache.Store {
		return interopBackend(newClient(t, addr)).Open(t, scope)
	})
}

// TestInteropReplay takes the steps of recorded fleets, on a test's clock.
func TestInteropReplay(t *testing.T) {
	client := newClient(t, testservers.StartRedis(t).Addr)
	cachetest.Replay(t, func(t testing.TB, scope flagcache.Scope) cachetest.Replayable {
		return rediscache.InteropOnTestClock(t, client, scope)
	})
}

func BenchmarkInterop(b *testing.B) {
	cachetest.Bench(b, testservers.StartRedis(b).Addr, func(t testing.TB, addr string, scope flagcache.Scope) flagcache.Store {
		return interopBackend(newClient(t, addr)).Open(t, scope)
	})
}
