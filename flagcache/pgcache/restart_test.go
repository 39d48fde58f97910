//go:build unix

package pgcache_test

import (
	"sync"
	"testing"

	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/flagcache/pgcache"
	"github.com/hogflags/hogflags/internal/testservers"
)

// TestServerRestarts: connections that broke while they lay idle are replaced
// without an error.
func TestServerRestarts(t *testing.T) {
	server := testservers.StartPostgres(t)
	s, err := pgcache.Open(server.URL+"&create_table=true&pool_max_conns=1", fleettest.Scope)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Record(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	server.Start(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := s.Record(t.Context()); err != nil {
				t.Errorf("after a restart of the server: %v", err)
			}
		})
	}
	wg.Wait()
}
