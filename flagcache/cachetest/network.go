package cachetest

import (
	"context"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/flagcache/internal/tcpproxy"
)

// RunNetwork holds a store to its promises on a network that is slow, stalls,
// and is cut. addr is the server's, and open returns a store that reaches it at
// another address. It takes some 20 seconds, as a lease has to expire.
func RunNetwork(t *testing.T, addr string, open func(t testing.TB, addr string, scope flagcache.Scope) flagcache.Store) {
	t.Run("Slow", func(t *testing.T) {
		p := tcpproxy.Start(t, addr)
		p.Slow(20 * time.Millisecond)
		up := fleettest.NewUpstream(1)
		sc := scope()
		var nodes []*fleettest.Node
		for i := range 3 {
			nodes = append(nodes, run(t, open(t, p.Addr, sc), up, name(i)))
		}
		until(t, "all serve", func() bool { return served(nodes, 1) })
		up.Publish(fleettest.Doc(2))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := nodes[2].Coordinator.Reload(ctx); err != nil {
			t.Errorf("reload over a slow network: %v", err)
		}
		until(t, "all serve the edit", func() bool { return served(nodes, 2) })
	})

	t.Run("Stall", func(t *testing.T) {
		p := tcpproxy.Start(t, addr)
		s := open(t, p.Addr, scope())
		c := acquire(t, s, bid("a"), long)
		save(t, s, c, entry(s, c, 1, `{"flags":[1]}`))
		p.Stall()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		e := entry(s, c, 2, `{"flags":[2]}`)
		_, err := s.Save(ctx, c, e)
		if err == nil || answered(err) {
			t.Errorf("a save into a stall: %v, want an error that leaves it open", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a save into a stall took %v, want it to end with its context", took)
		}
		p.Resume()
		// The stalled save may come late, or never: the repeated one settles it.
		until(t, "the save is repeated", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := s.Save(ctx, c, e)
			return err == nil
		})
		wantStored(t, s, e)
	})

	t.Run("CutLeader", func(t *testing.T) {
		p := tcpproxy.Start(t, addr)
		up := fleettest.NewUpstream(1)
		sc := scope()
		leader := run(t, open(t, p.Addr, sc), up, "leader")
		until(t, "it leads and serves", func() bool { return served([]*fleettest.Node{leader}, 1) })
		next := run(t, open(t, addr, sc), up, "next")
		until(t, "the other follows", func() bool { return served([]*fleettest.Node{next}, 1) })
		p.Cut()
		cut := time.Now()
		until(t, "the other leads", func() bool { return next.Status().Role == flagcache.RoleLeader })
		if took := time.Since(cut); took > 15*time.Second {
			t.Errorf("the take-over took %v, want at most 15 s", took)
		}
		if leader.Body() != fleettest.Doc(1) {
			t.Error("the one that was cut off lost its definitions")
		}
		p.Mend()
		until(t, "the former leader follows", func() bool { return leader.Status().Role == flagcache.RoleFollower })
		if n := up.Count(200); n != 1 {
			t.Errorf("%d full requests upstream, want 1", n)
		}
	})

	t.Run("CutWatch", func(t *testing.T) {
		p := tcpproxy.Start(t, addr)
		s := open(t, p.Addr, scope())
		w, ok := s.(flagcache.Watcher)
		if !ok {
			t.Skip("this store does not push")
		}
		hints, ended := make(chan struct{}, 1), make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			ended <- w.Watch(ctx, func() {
				select {
				case hints <- struct{}{}:
				default:
				}
			})
		}()
		within(t, hints)
		p.Cut()
		if err := within(t, ended); err == nil {
			t.Error("a watch whose connection was cut returned nil: nobody would begin another")
		}
	})
}

func run(t *testing.T, s flagcache.Store, up *fleettest.Upstream, name string) *fleettest.Node {
	t.Helper()
	f, err := flagcache.New(s, flagcache.Options{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return fleettest.Start(t, f, up.For(name))
}

func served(nodes []*fleettest.Node, version int) bool {
	for _, n := range nodes {
		if n.Body() != fleettest.Doc(version) {
			return false
		}
	}
	return true
}
