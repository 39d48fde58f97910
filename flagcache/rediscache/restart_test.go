//go:build unix

package rediscache_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/internal/testservers"
)

// TestServerRestartsEmpty kills the server under a running fleet and starts it
// with nothing, then freezes and thaws it.
func TestServerRestartsEmpty(t *testing.T) {
	server := testservers.StartRedis(t)
	open := backend(newClient(t, server.Addr)).Open
	up := fleettest.NewUpstream(1)
	var nodes []*fleettest.Node
	for i := range 3 {
		f, err := flagcache.New(open(t, fleettest.Scope), flagcache.Options{Name: fmt.Sprint("p", i)})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, fleettest.Start(t, f, up.For(fmt.Sprint("p", i))))
	}
	serve(t, nodes, 1)
	before := nodes[0].Status().Position

	server.Kill()
	server.Start(t)
	awaitAll(t, nodes, "the fleet leads and follows again", func(s flagcache.Status) bool {
		return s.Role != flagcache.RoleCutOff && s.Position.Epoch > before.Epoch
	})
	serve(t, nodes, 1)
	if got := len(up.Requests()); got > 3 {
		t.Errorf("%d requests upstream through a restart, want at most 3", got)
	}

	server.Signal(t, syscall.SIGSTOP)
	awaitAll(t, nodes, "everybody notices the silence", func(s flagcache.Status) bool { return s.StoreErr != nil })
	server.Signal(t, syscall.SIGCONT)
	awaitAll(t, nodes, "everybody is back", func(s flagcache.Status) bool { return s.StoreErr == nil })
	serve(t, nodes, 1)
}

func awaitAll(t *testing.T, nodes []*fleettest.Node, what string, ok func(flagcache.Status) bool) {
	t.Helper()
	testservers.Await(t, what, func(context.Context) error {
		for _, n := range nodes {
			if s := n.Status(); !ok(s) {
				return errors.New(fmt.Sprint(s))
			}
		}
		return nil
	})
}
