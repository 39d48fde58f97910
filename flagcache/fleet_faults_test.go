package flagcache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
)

// TestFleetUnderFaults runs a hundred real coordinators, goroutines and all,
// on links that fail, delay and lose answers, and a server that is wiped and
// rolled back. The simulation of the core alone goes deeper; this one holds the
// runner to the same promises.
func TestFleetUnderFaults(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			up := fleettest.NewUpstream(1)
			up.Latency = 100 * time.Millisecond
			server := fleettest.NewServer()
			var links []*fleettest.Link
			var nodes []*fleettest.Node
			for i := range 100 {
				links = append(links, server.Link())
				nodes = append(nodes, join(t, links[i], up, flagcache.Options{Name: fmt.Sprint("p", i)}))
			}
			old := server.Stored()
			for range 60 {
				settle(time.Duration(rng.Int64N(int64(10 * time.Second))))
				link := links[rng.IntN(len(links))]
				for i, n := range nodes { // mostly the leader's
					if n.Status().Role == flagcache.RoleLeader && rng.IntN(2) == 0 {
						link = links[i]
					}
				}
				switch rng.IntN(9) {
				case 0:
					link.Cut()
				case 1:
					link.After(func(context.Context, string) error { return errors.New("answer lost") })
				case 2:
					d := time.Duration(rng.Int64N(int64(15 * time.Second)))
					link.Before(func(context.Context, string) error { time.Sleep(d); return nil })
				case 3:
					server.Change(func(l *flagcache.Ledger) { *l = flagcache.Ledger{} })
				case 4:
					server.Change(func(l *flagcache.Ledger) { *l = old })
				case 5:
					old = server.Stored()
				case 6:
					up.Publish(fleettest.Doc(rng.IntN(5)))
				case 7:
					up.Fail(&flagcache.UpstreamError{Cause: flagcache.CauseUnreachable, Err: errDown})
				case 8:
					up.Fail(nil)
					for _, l := range links {
						l.Mend()
					}
				}
			}
			up.Fail(nil)
			up.Publish(fleettest.Doc(99))
			for _, l := range links {
				l.Mend()
			}
			settle(20 * time.Second) // delayed operations end
			wait := time.Duration(0)
			for _, n := range nodes {
				wait = max(wait, time.Until(n.Status().NotBefore))
			}
			settle(wait + interval*11/10 + 20*time.Second)
			wantBody(t, nodes, 99)
			if got := len(fleettest.Leaders(nodes)); got != 1 {
				t.Errorf("seed %d: %d lead in the end, want 1", seed, got)
			}
			for _, n := range nodes {
				wantRising(t, seed, n)
			}
		})
	}
}

func wantRising(t *testing.T, seed uint64, n *fleettest.Node) {
	t.Helper()
	var last flagcache.Position
	for _, e := range n.Applied() {
		if e.Epoch == 0 {
			continue // fetched directly
		}
		if !e.After(last) {
			t.Errorf("seed %d: applied %v after %v", seed, e.Position, last)
		}
		last = e.Position
	}
}
