package flagcache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
)

// TestR15HungProvider: one call that never returns stops the poller for ever.
func TestR15HungProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		defer close(hang)
		polls := 0
		go func() {
			for {
				polls++
				<-hang // the provider's call
				return
			}
		}()
		settle(10 * interval)
		if polls != 1 {
			t.Fatal("the naive provider does not show the bug")
		}
	})

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		hang := make(chan struct{})
		defer close(hang)
		p := &provider{decide: func(context.Context) (bool, error) { <-hang; return false, nil }}
		n := lift(t, p, up)
		settle(11 * time.Second)
		wantBody(t, []*fleettest.Node{n}, 1)
		up.Publish(fleettest.Doc(2))
		settle(2 * interval)
		wantBody(t, []*fleettest.Node{n}, 2)
		n.Stop()
	})

	synctest.Test(t, func(t *testing.T) { // a store that hangs
		up := fleettest.NewUpstream(1)
		link := fleettest.NewServer().Link()
		n := join(t, link, up, flagcache.Options{Name: "leader"})
		settle(time.Second)
		hang := make(chan struct{})
		defer close(hang)
		link.Before(func(context.Context, string) error { <-hang; return errDown })
		up.Publish(fleettest.Doc(2))
		settle(interval*11/10 + 12*time.Second)
		wantBody(t, []*fleettest.Node{n}, 2)
		n.Stop()
	})
}

// TestR16ReaderOnEmptyStore: a reader of an empty cache fetches by itself, for
// each request that it serves.
func TestR16ReaderOnEmptyStore(t *testing.T) {
	up := fleettest.NewUpstream(1)
	for range 5 { // a client for each request, and never the leader
		sdk := newNaive("edge", &naiveCache{owner: "writer", lockedTo: time.Now().Add(time.Hour)}, up)
		sdk.poll()
	}
	if len(up.Requests()) != 5 {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		for range 5 {
			n := join(t, server.Link(), up, flagcache.Options{ReadOnly: true})
			settle(time.Second)
			if n.Status().Loaded {
				t.Error("a reader loaded something from an empty store")
			}
			n.Stop()
		}
		link := server.Link()
		link.Cut()
		join(t, link, up, flagcache.Options{ReadOnly: true})
		settle(50 * interval)
		if n := len(up.Requests()); n != 0 {
			t.Errorf("readers made %d requests, want none", n)
		}
		if s := server.Stored(); s.Lease.Epoch != 0 {
			t.Error("a reader took the lease")
		}
	})
}

// provider is a user's own, of which every method can be replaced.
type provider struct {
	decide func(context.Context) (bool, error)
	read   func(context.Context) (*flagcache.FlagDefinitions, error)
	store  func(context.Context, *flagcache.FlagDefinitions) error
	stop   func(context.Context) error
}

func (p *provider) ShouldFetchFlagDefinitions(ctx context.Context) (bool, error) {
	if p.decide == nil {
		return true, nil
	}
	return p.decide(ctx)
}

func (p *provider) FlagDefinitions(ctx context.Context) (*flagcache.FlagDefinitions, error) {
	if p.read == nil {
		return nil, nil
	}
	return p.read(ctx)
}

func (p *provider) OnFlagDefinitionsReceived(ctx context.Context, d *flagcache.FlagDefinitions) error {
	if p.store == nil {
		return nil
	}
	return p.store(ctx, d)
}

func (p *provider) Shutdown(ctx context.Context) error {
	if p.stop == nil {
		return nil
	}
	return p.stop(ctx)
}

func lift(t *testing.T, p flagcache.FlagDefinitionCacheProvider, up *fleettest.Upstream) *fleettest.Node {
	t.Helper()
	c, err := flagcache.FromProvider(p, flagcache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return fleettest.Start(t, c, up.For("lifted"))
}

var errBroken = errors.New("broken")
