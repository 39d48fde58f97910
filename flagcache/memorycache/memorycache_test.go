package memorycache_test

import (
	"sync"
	"testing"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
	"github.com/hogflags/hogflags/flagcache/memorycache"
)

func TestSuite(t *testing.T) {
	cachetest.Run(t, cachetest.Backend{Open: shared()})
}

func Benchmark(b *testing.B) {
	open := shared()
	cachetest.Bench(b, "", func(t testing.TB, _ string, scope flagcache.Scope) flagcache.Store { return open(t, scope) })
}

// shared opens one store for each scope.
func shared() func(testing.TB, flagcache.Scope) flagcache.Store {
	var mu sync.Mutex
	stores := map[string]*memorycache.Store{} // :: scope key -> store
	return func(t testing.TB, scope flagcache.Scope) flagcache.Store {
		mu.Lock()
		defer mu.Unlock()
		s, ok := stores[scope.Key()]
		if !ok {
			var err error
			if s, err = memorycache.New(scope); err != nil {
				t.Fatal(err)
			}
			stores[scope.Key()] = s
		}
		return s
	}
}

func TestNewWantsAScope(t *testing.T) {
	if _, err := memorycache.New(flagcache.Scope{Project: "phc_x"}); err == nil {
		t.Error("a store without a host was opened")
	}
}
