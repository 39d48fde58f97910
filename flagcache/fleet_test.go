package flagcache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/flagcache/memorycache"
)

const interval = 30 * time.Second

// fleet starts n processes on one memory store.
func fleet(t *testing.T, n int, up *fleettest.Upstream) (*memorycache.Store, []*fleettest.Node) {
	t.Helper()
	store := newMemory(t)
	var nodes []*fleettest.Node
	for i := range n {
		nodes = append(nodes, join(t, store, up, flagcache.Options{Name: fmt.Sprint("p", i)}))
	}
	return store, nodes
}

func newMemory(t *testing.T) *memorycache.Store {
	t.Helper()
	store, err := memorycache.New(fleettest.Scope)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func join(t *testing.T, store flagcache.Store, up *fleettest.Upstream, o flagcache.Options) *fleettest.Node {
	t.Helper()
	f, err := flagcache.New(store, o)
	if err != nil {
		t.Fatal(err)
	}
	return fleettest.Start(t, f, up.For(o.Name))
}

// settle lets d pass, and everything that it sets off come to rest.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantBody(t *testing.T, nodes []*fleettest.Node, version int) {
	t.Helper()
	for i, n := range nodes {
		if got, want := n.Body(), fleettest.Doc(version); got != want {
			t.Errorf("p%d serves %q, want %q (status %+v)", i, got, want, n.Status())
		}
	}
}

func TestFleetAsksUpstreamOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		up.Latency = 300 * time.Millisecond
		_, nodes := fleet(t, 20, up)
		settle(time.Second)
		wantBody(t, nodes, 1)
		if got := len(fleettest.Leaders(nodes)); got != 1 {
			t.Errorf("%d processes lead, want 1", got)
		}
		settle(10 * interval)
		if full, same := up.Count(200), up.Count(304); full != 1 || same < 9 || same > 10 {
			t.Errorf("upstream answered %d full and %d not modified in 10 intervals, want 1 and 9 or 10", full, same)
		}
		for _, n := range nodes {
			if got, loads := len(n.Applied()), n.Status().Counters.Loads; got != 1 || loads > 1 {
				t.Errorf("a process read %d bodies and applied %d, want 1: nothing changed", loads, got)
			}
		}
	})
}

func TestEditReachesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		_, nodes := fleet(t, 10, up)
		settle(time.Second)
		up.Publish(fleettest.Doc(2))
		settle(interval * 11 / 10)
		wantBody(t, nodes, 2)
		up.Publish(fleettest.Doc(1)) // an old ETag becomes current again
		settle(interval * 11 / 10)
		wantBody(t, nodes, 1)
	})
}

func TestTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		link := server.Link()
		leader := join(t, link, up, flagcache.Options{Name: "leader"})
		settle(time.Second)
		others := []*fleettest.Node{
			join(t, server.Link(), up, flagcache.Options{Name: "a"}),
			join(t, server.Link(), up, flagcache.Options{Name: "b"}),
		}
		settle(4 * time.Second)
		before := leader.Status().Position
		link.Cut()
		settle(15 * time.Second)
		if got := len(fleettest.Leaders(others)); got != 1 {
			t.Fatalf("%d of the others lead 15 s after the leader was cut off, want 1", got)
		}
		if role := leader.Status().Role; role != flagcache.RoleCutOff {
			t.Errorf("the former leader is %q, want %q", role, flagcache.RoleCutOff)
		}
		settle(interval)
		if got := others[0].Status().Position; got.Epoch <= before.Epoch {
			t.Errorf("position after the take-over %v, want a greater epoch than %v", got, before)
		}
		link.Mend()
		settle(5 * time.Second)
		if role := leader.Status().Role; role != flagcache.RoleFollower {
			t.Errorf("the former leader is %q once it is back, want %q", role, flagcache.RoleFollower)
		}
		if up.Count(200) != 1 {
			t.Errorf("upstream sent %d full documents, want 1: take-overs are conditional", up.Count(200))
		}
	})
}

func TestStopHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		_, nodes := fleet(t, 3, up)
		settle(time.Second)
		leader := fleettest.Leaders(nodes)[0]
		leader.Stop()
		settle(100 * time.Millisecond)
		if got := len(fleettest.Leaders(nodes)); got != 1 || leader.Status().Role != flagcache.RoleStopped {
			t.Errorf("%d leaders right after a stop, want another one at once", got)
		}
		if n := len(up.Requests()); n != 1 {
			t.Errorf("%d requests upstream, want 1: the next poll is not yet due", n)
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		up.Latency = 50 * time.Millisecond
		_, nodes := fleet(t, 5, up)
		settle(5 * time.Second)
		for i, n := range nodes {
			up.Publish(fleettest.Doc(i + 2))
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			if err := n.Coordinator.Reload(ctx); err != nil {
				t.Errorf("reload on p%d (%s): %v", i, n.Status().Role, err)
			}
			cancel()
			if got, want := n.Body(), fleettest.Doc(i+2); got != want {
				t.Errorf("p%d serves %s after its reload, want %s", i, got, want)
			}
		}
		before := len(up.Requests())
		var wg sync.WaitGroup
		for i := range 50 { // at once, on every process
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				if err := nodes[i%5].Coordinator.Reload(ctx); err != nil {
					t.Errorf("reload with others: %v", err)
				}
			})
		}
		wg.Wait()
		if got := len(up.Requests()) - before; got > 2 {
			t.Errorf("50 reloads at once made %d requests, want them to share one or two", got)
		}
		up.Fail(&flagcache.UpstreamError{Cause: flagcache.CauseQuota, Err: errors.New("402")})
		for _, i := range []int{0, 1, 2, 3, 4, 0} { // the first finds out, the others are told
			began := time.Now()
			err := nodes[i].Coordinator.Reload(t.Context())
			if u, ok := errors.AsType[*flagcache.UpstreamError](err); !ok || u.Cause != flagcache.CauseQuota || time.Since(began) > 4*time.Second {
				t.Errorf("reload on p%d while upstream fails: %v after %v, want the failure soon", i, err, time.Since(began))
			}
		}
	})
}

// TestReloadInAnOutage: whoever asks, and whichever process finds out, the call
// ends with upstream's failure, and works again once upstream may be asked.
func TestReloadInAnOutage(t *testing.T) {
	for _, cause := range []flagcache.Cause{flagcache.CauseUnreachable, flagcache.CauseUpstream} {
		for who := range 3 {
			synctest.Test(t, func(t *testing.T) {
				up := fleettest.NewUpstream(1)
				_, nodes := fleet(t, 3, up)
				settle(5 * time.Second)
				up.Fail(&flagcache.UpstreamError{Cause: cause, Err: errors.New("down")})
				for round := range 3 {
					began := time.Now()
					err := nodes[who].Coordinator.Reload(t.Context())
					if u, ok := errors.AsType[*flagcache.UpstreamError](err); !ok || u.Cause != cause {
						t.Errorf("%s, p%d, round %d: %v, want the failure", cause, who, round, err)
					}
					if took := time.Since(began); took > 10*time.Second {
						t.Errorf("%s, p%d, round %d: took %v", cause, who, round, took)
					}
					settle(time.Duration(round) * 40 * time.Second)
				}
				up.Fail(nil)
				up.Publish(fleettest.Doc(2))
				settle(5 * time.Minute)
				up.Publish(fleettest.Doc(3))
				if err := nodes[who].Coordinator.Reload(t.Context()); err != nil || nodes[who].Body() != fleettest.Doc(3) {
					t.Errorf("%s, p%d, after recovery: %v, serves %s", cause, who, err, nodes[who].Body())
				}
			})
		}
	}
}

// TestReloadWithoutTheStore: there is nobody to ask.
func TestReloadWithoutTheStore(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			up := fleettest.NewUpstream(1)
			server := fleettest.NewServer()
			join(t, server.Link(), up, flagcache.Options{Name: "leader"})
			settle(time.Second)
			link := server.Link()
			n := join(t, link, up, flagcache.Options{Name: "cut", ReadOnly: readOnly})
			settle(time.Second)
			link.Cut()
			began := time.Now()
			if err := n.Coordinator.Reload(t.Context()); err == nil || time.Since(began) > 5*time.Second {
				t.Errorf("reader %v, cut off: %v after %v, want an error soon", readOnly, err, time.Since(began))
			}
			settle(time.Minute)
			if err := n.Coordinator.Reload(t.Context()); !errors.Is(err, fleettest.ErrCut) {
				t.Errorf("reader %v, known to be cut off: %v, want the store's error", readOnly, err)
			}
			link.Mend()
			settle(time.Minute)
			if err := n.Coordinator.Reload(t.Context()); err != nil {
				t.Errorf("reader %v, back: %v", readOnly, err)
			}
		})
	}
}

// TestReloadAtStart is how a scheduled job writes the store: start, reload, stop.
func TestReloadAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		for version := range 3 {
			up.Publish(fleettest.Doc(version))
			n := join(t, server.Link(), up, flagcache.Options{Name: "sync"})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if err := n.Coordinator.Reload(ctx); err != nil {
				t.Errorf("reload: %v", err)
			}
			cancel()
			n.Stop()
			settle(time.Second)
			if got := string(server.Stored().Entry.Body); got != fleettest.Doc(version) {
				t.Errorf("stored %s, want version %d", got, version)
			}
		}
		if got := len(up.Requests()); got != 3 {
			t.Errorf("%d requests, want one a run", got)
		}
	})
}

func TestUpstreamsOwnFailureKeepsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		_, nodes := fleet(t, 3, up)
		settle(time.Second)
		leader := fleettest.Leaders(nodes)[0]
		up.Fail(&flagcache.UpstreamError{Cause: flagcache.CauseRateLimited, RetryAfter: 10 * time.Minute, Err: errors.New("429")})
		settle(interval * 11 / 10)
		n := len(up.Requests())
		settle(9 * time.Minute)
		if got := len(up.Requests()); got != n {
			t.Errorf("%d requests while Retry-After runs, want none", got-n)
		}
		if fleettest.Leaders(nodes)[0] != leader {
			t.Error("the lease moved on though the cause is upstream's own")
		}
		for _, n := range nodes {
			if s := n.Status(); s.Failure != flagcache.CauseRateLimited {
				t.Errorf("%s shows the cause %q, want it known to all", s.Role, s.Failure)
			}
		}
		up.Fail(nil)
		settle(3 * time.Minute)
		for _, n := range nodes {
			if s := n.Status(); s.Failure != "" {
				t.Errorf("%s still shows the cause %q after a success", s.Role, s.Failure)
			}
		}
	})
}

func TestReaderNeverFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		store := newMemory(t)
		reader := join(t, store, up, flagcache.Options{Name: "reader", ReadOnly: true})
		settle(10 * interval)
		if n := len(up.Requests()); n != 0 || reader.Status().Loaded {
			t.Fatalf("a reader on an empty store made %d requests", n)
		}
		join(t, store, up, flagcache.Options{Name: "leader"})
		settle(time.Second)
		wantBody(t, []*fleettest.Node{reader}, 1)
		if role := reader.Status().Role; role != flagcache.RoleReader {
			t.Errorf("role %q, want %q", role, flagcache.RoleReader)
		}
	})
}
