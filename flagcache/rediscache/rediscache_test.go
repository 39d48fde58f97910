//go:build unix

package rediscache_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
	"github.com/hogflags/hogflags/flagcache/rediscache"
	"github.com/hogflags/hogflags/internal/testservers"
)

func backend(client redis.UniversalClient) cachetest.Backend {
	key := func(scope flagcache.Scope, part string) string { return "hogflags:{" + scope.Key() + "}:" + part }
	del := func(t testing.TB, keys ...string) {
		t.Helper()
		if err := client.Del(t.Context(), keys...).Err(); err != nil {
			t.Fatalf("delete keys: %v", err)
		}
	}
	return cachetest.Backend{
		Open: func(t testing.TB, scope flagcache.Scope) flagcache.Store {
			s, err := rediscache.New(client, scope)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Wipe: func(t testing.TB, scope flagcache.Scope) {
			del(t, key(scope, "entry"), key(scope, "lease"))
		},
		Evict: func(t testing.TB, scope flagcache.Scope) {
			del(t, key(scope, "entry"))
		},
	}
}

func newClient(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestSuite(t *testing.T) {
	server := testservers.StartRedis(t)
	cachetest.Run(t, backend(newClient(t, server.Addr)))
}

func TestReplay(t *testing.T) {
	client := newClient(t, testservers.StartRedis(t).Addr)
	cachetest.Replay(t, func(t testing.TB, scope flagcache.Scope) cachetest.Replayable {
		return rediscache.OnTestClock(t, client, scope)
	})
}

func openAt(t testing.TB, addr string, scope flagcache.Scope) flagcache.Store {
	return backend(newClient(t, addr)).Open(t, scope)
}

func TestNetwork(t *testing.T) {
	cachetest.RunNetwork(t, testservers.StartRedis(t).Addr, openAt)
}

func Benchmark(b *testing.B) {
	cachetest.Bench(b, testservers.StartRedis(b).Addr, openAt)
}
