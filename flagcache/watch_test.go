package flagcache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
)

// pushing is a link whose first watches fail, one by panicking.
type pushing struct {
	*fleettest.Link
	watches atomic.Int32
	push    chan struct{}
}

func (p *pushing) Watch(ctx context.Context, hint func()) error {
	switch p.watches.Add(1) {
	case 1:
		return errDown
	case 2:
		panic("boom")
	}
	hint()
	for {
		select {
		case <-p.push:
			hint()
		case <-ctx.Done():
			return nil
		}
	}
}

// TestWatchIsKeptUp: a watch that ends is begun again, and its first hint makes
// up for what was missed.
func TestWatchIsKeptUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		leader := join(t, server.Link(), up, flagcache.Options{Name: "leader"})
		p := &pushing{Link: server.Link(), push: make(chan struct{})}
		reader := join(t, p, up, flagcache.Options{ReadOnly: true})
		settle(5 * time.Second)
		if got := reader.Status().Counters.Watches; got != 3 {
			t.Errorf("%d watches were begun, want 3", got)
		}
		up.Publish(fleettest.Doc(2))
		if err := leader.Coordinator.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantBody(t, []*fleettest.Node{reader}, 1) // nothing was pushed yet
		p.push <- struct{}{}
		settle(50 * time.Millisecond)
		wantBody(t, []*fleettest.Node{reader}, 2)
	})
}
