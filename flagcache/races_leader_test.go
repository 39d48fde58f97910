package flagcache_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
)

// The tests of the races R1 to R18, which the caches of PostHog's SDKs have:
// each shows the bug on a naive provider first, and then that it is not here.

// TestR01LostStoreIsPermanent: a store that fails once is never repeated, as
// every later poll is answered 304.
func TestR01LostStoreIsPermanent(t *testing.T) {
	up := fleettest.NewUpstream(1)
	cache := &naiveCache{}
	leader := newNaive("leader", cache, up)
	leader.poll()
	up.Publish(fleettest.Doc(2))
	leader.failSet = true
	leader.poll()
	leader.failSet = false
	for range 5 {
		leader.poll()
	}
	if cache.data != fleettest.Doc(1) {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		link := server.Link()
		join(t, link, up, flagcache.Options{Name: "leader"})
		follower := join(t, server.Link(), up, flagcache.Options{Name: "follower", ReadOnly: true})
		settle(time.Second)
		up.Publish(fleettest.Doc(2))
		failed := 0
		link.Before(func(_ context.Context, op string) error {
			if op == "save" && failed < 3 {
				failed++
				return errDown
			}
			return nil
		})
		settle(interval*11/10 + 5*time.Second)
		if failed != 3 || string(server.Stored().Entry.Body) != fleettest.Doc(2) {
			t.Errorf("after %d lost saves the store has %s", failed, server.Stored().Entry.Body)
		}
		settle(interval)
		wantBody(t, []*fleettest.Node{follower}, 2)
	})
}

// TestR02ETagApartFromData: a demoted leader takes older data from the cache,
// keeps its newer ETag, and is answered 304 for ever.
func TestR02ETagApartFromData(t *testing.T) {
	up := fleettest.NewUpstream(1)
	cache := &naiveCache{}
	sdk := newNaive("a", cache, up)
	sdk.poll()
	up.Publish(fleettest.Doc(2))
	sdk.failSet = true
	sdk.poll()
	cache.owner = "b" // demoted
	sdk.poll()
	cache.owner = "a" // elected again
	for range 3 {
		sdk.poll()
	}
	if sdk.data != fleettest.Doc(1) || sdk.etag != fleettest.ETag(fleettest.Doc(2)) {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		link := server.Link()
		a := join(t, link, up, flagcache.Options{Name: "a"})
		settle(time.Second)
		old := server.Stored()
		up.Publish(fleettest.Doc(2))
		settle(interval * 11 / 10)
		wantBody(t, []*fleettest.Node{a}, 2)
		// The store goes back to the older document; the lease is free.
		server.Change(func(l *flagcache.Ledger) {
			l.Entry = old.Entry
			l.Token, l.Lease.Expires = "", time.Time{}
		})
		settle(interval*11/10 + 5*time.Second)
		stored := server.Stored().Entry
		if string(stored.Body) != fleettest.Doc(2) || stored.ETag != fleettest.ETag(fleettest.Doc(2)) {
			t.Errorf("stored %s with ETag %s", stored.Body, stored.ETag)
		}
		wantBody(t, []*fleettest.Node{a}, 2)
	})
}

// TestR03StaleLeaderOverwrites: a leader that was paused in the middle of a
// store puts its old document over the new leader's.
func TestR03StaleLeaderOverwrites(t *testing.T) {
	up := fleettest.NewUpstream(1)
	cache := &naiveCache{}
	paused := newNaive("paused", cache, up)
	paused.failSet = true // it is paused right before it stores
	paused.poll()
	cache.lockedTo = time.Time{} // its lock expires
	up.Publish(fleettest.Doc(2))
	next := newNaive("next", cache, up)
	next.poll()
	_ = cache.set(paused.data) // it goes on
	next.poll()                // 304
	if cache.data != fleettest.Doc(1) {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		link := server.Link()
		thaw := make(chan struct{})
		var asleep atomic.Bool
		link.Before(func(_ context.Context, op string) error {
			if op == "save" {
				asleep.Store(true)
			}
			if asleep.Load() {
				<-thaw // the process is paused, and its calls with it
			}
			return nil
		})
		paused := join(t, link, up, flagcache.Options{Name: "paused"})
		settle(time.Second)
		up.Publish(fleettest.Doc(2))
		next := join(t, server.Link(), up, flagcache.Options{Name: "next"})
		settle(15 * time.Second)
		wantBody(t, []*fleettest.Node{next}, 2)
		close(thaw)
		settle(5 * time.Second)
		if got := string(server.Stored().Entry.Body); got != fleettest.Doc(2) {
			t.Errorf("the store has %s after the thaw", got)
		}
		wantBody(t, []*fleettest.Node{paused, next}, 2)
		if paused.Status().Role != flagcache.RoleFollower {
			t.Errorf("after the thaw it is %q, want a follower", paused.Status().Role)
		}
	})
}

// TestR07OneIdentityTwice: an identity made before a fork makes every child
// lead, and one child's exit releases the lock of all.
func TestR07OneIdentityTwice(t *testing.T) {
	cache := &naiveCache{}
	parent, _ := cache.lead("uuid", time.Minute)
	child, _ := cache.lead("uuid", time.Minute)
	cache.release("uuid")
	if !parent || !child || cache.owner != "" {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		var nodes []*fleettest.Node
		for range 2 {
			nodes = append(nodes, join(t, server.Link(), up, flagcache.Options{Name: "same"}))
		}
		settle(interval)
		leaders := fleettest.Leaders(nodes)
		if len(leaders) != 1 {
			t.Fatalf("%d lead, want 1", len(leaders))
		}
		epoch := server.Stored().Lease.Epoch
		for _, n := range nodes {
			if n != leaders[0] {
				n.Stop()
			}
		}
		settle(time.Second)
		if s := server.Stored(); s.Lease.Epoch != epoch || !s.Record(time.Now()).Live() {
			t.Error("the other's exit touched the lease")
		}
	})
}

// TestR08UselessLeader: the lock is prolonged before the request, so a leader
// with a revoked key keeps it while others could fetch.
func TestR08UselessLeader(t *testing.T) {
	up := fleettest.NewUpstream(1)
	cache := &naiveCache{}
	bad, good := newNaive("bad", cache, up), newNaive("good", cache, up)
	bad.poll()
	up.Publish(fleettest.Doc(2))
	bad.up = refused{}
	for range 10 {
		bad.poll()
		good.poll()
	}
	if good.data != fleettest.Doc(1) {
		t.Fatal("the naive provider does not show the bug")
	}

	for _, cause := range []flagcache.Cause{flagcache.CauseUnauthorized, flagcache.CauseUnreachable} {
		synctest.Test(t, func(t *testing.T) {
			up := fleettest.NewUpstream(1)
			server := fleettest.NewServer()
			f, err := flagcache.New(server.Link(), flagcache.Options{Name: "bad"})
			if err != nil {
				t.Fatal(err)
			}
			bad := fleettest.Start(t, f, &turning{Upstream: up.For("bad"), good: 1, cause: cause})
			settle(time.Second)
			good := join(t, server.Link(), up, flagcache.Options{Name: "good"})
			up.Publish(fleettest.Doc(2))
			settle(interval*11/10 + 15*time.Second)
			wantBody(t, []*fleettest.Node{bad, good}, 2)
			if good.Status().Role != flagcache.RoleLeader {
				t.Errorf("%s: the good one is %q, want the leader", cause, good.Status().Role)
			}
		})
	}
}

// refused answers every request with 401.
type refused struct{}

func (refused) Fetch(context.Context, string) (flagcache.Answer, error) {
	return flagcache.Answer{}, &flagcache.UpstreamError{Cause: flagcache.CauseUnauthorized, Err: errors.New("401")}
}

// turning fails after its first good answers.
type turning struct {
	flagcache.Upstream
	good  int
	cause flagcache.Cause
}

func (u *turning) Fetch(ctx context.Context, etag string) (flagcache.Answer, error) {
	if u.good--; u.good < 0 {
		return flagcache.Answer{}, &flagcache.UpstreamError{Cause: u.cause, Err: errors.New("refused")}
	}
	return u.Upstream.Fetch(ctx, etag)
}

// TestR09LockShorterThanInterval: a lock of 60 s lapses between polls of 5
// minutes, so leadership rotates and everybody fetches, unconditionally.
func TestR09LockShorterThanInterval(t *testing.T) {
	const long = 5 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		cache := &naiveCache{}
		var sdks []*naiveSDK
		for i := range 4 {
			sdks = append(sdks, newNaive(fmt.Sprint(i), cache, up))
		}
		for range 2 {
			for _, s := range sdks { // spread over the interval
				s.poll()
				settle(long / 4)
			}
		}
		if up.Count(200) != 4 {
			t.Fatal("the naive provider does not show the bug")
		}
	})

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		var nodes []*fleettest.Node
		for i := range 4 {
			nodes = append(nodes, join(t, server.Link(), up, flagcache.Options{Name: fmt.Sprint(i), Interval: long}))
		}
		settle(10*long + time.Second)
		if full, all := up.Count(200), len(up.Requests()); full != 1 || all > 11 {
			t.Errorf("%d requests in 10 intervals, %d of them full, want at most 11 and 1", all, full)
		}
		tenures := uint64(0)
		for _, n := range nodes {
			tenures += n.Status().Counters.Tenures
		}
		if tenures != 1 {
			t.Errorf("leadership was granted %d times, want once", tenures)
		}
	})
}

// TestR10LockIsNotElection: a lock that is deleted after each store lets every
// worker fetch at its own tick.
func TestR10LockIsNotElection(t *testing.T) {
	up := fleettest.NewUpstream(1)
	cache := &naiveCache{}
	for i := range 5 {
		s := newNaive(fmt.Sprint(i), cache, up)
		s.poll()
		cache.release(s.id)
	}
	if len(up.Requests()) != 5 {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		_, _ = fleet(t, 5, up)
		settle(interval * 9 / 10)
		if n := len(up.Requests()); n != 1 {
			t.Errorf("%d requests in the first interval, want 1", n)
		}
	})
}

// TestR11LeaderCrashGap: after a crash nobody polls until a lock of a minute
// has expired and a poller's own tick comes.
func TestR11LeaderCrashGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		cache := &naiveCache{}
		newNaive("crashed", cache, up).poll()
		next := newNaive("next", cache, up)
		began := time.Now()
		for len(up.Requests()) == 1 {
			next.poll()
			settle(interval)
		}
		if gap := time.Since(began); gap < 60*time.Second {
			t.Fatalf("the naive provider does not show the bug: polled after %v", gap)
		}
	})

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		link := server.Link()
		join(t, link, up, flagcache.Options{Name: "crashes"})
		settle(time.Second)
		next := join(t, server.Link(), up, flagcache.Options{Name: "next"})
		settle(time.Second)
		link.Cut() // to the others it is as good as dead
		settle(15 * time.Second)
		if next.Status().Role != flagcache.RoleLeader {
			t.Errorf("15 s after the crash the other is %q", next.Status().Role)
		}
		up.Publish(fleettest.Doc(2))
		settle(interval)
		wantBody(t, []*fleettest.Node{next}, 2)
	})
}
