package fleettest

import (
	"context"
	"testing"

	"github.com/hogflags/hogflags/flagcache"
)

// Node is one process of a fleet under test.
type Node struct {
	Sink
	Coordinator flagcache.Coordinator
	cancel      context.CancelFunc
	done        chan struct{}
}

// Status is the coordinator's.
func (n *Node) Status() flagcache.Status { return n.Coordinator.Status() }

// Start runs a coordinator until Stop, or the end of the test.
func Start(t testing.TB, c flagcache.Coordinator, up flagcache.Upstream) *Node {
	t.Helper()
	return StartWith(t, c, up, nil)
}

// StartWith starts with a document that is already being served.
func StartWith(t testing.TB, c flagcache.Coordinator, up flagcache.Upstream, initial *flagcache.Entry) *Node {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n := &Node{Coordinator: c, cancel: cancel, done: make(chan struct{})}
	n.Initial = initial
	go func() {
		defer close(n.done)
		if err := c.Run(ctx, up, n); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	t.Cleanup(n.Stop)
	return n
}

// Stop ends the run and waits for it.
func (n *Node) Stop() {
	n.cancel()
	<-n.done
}

// Leaders returns the nodes that lead.
func Leaders(nodes []*Node) []*Node {
	var out []*Node
	for _, n := range nodes {
		if n.Status().Role == flagcache.RoleLeader {
			out = append(out, n)
		}
	}
	return out
}
