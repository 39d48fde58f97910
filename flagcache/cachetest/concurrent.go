package cachetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

func testCancelled(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	e := entry(s, c, 1, `{"flags":[1]}`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ops := map[string]func() error{
		"record":  func() error { _, err := s.Record(ctx); return err },
		"load":    func() error { _, err := s.Load(ctx); return err },
		"acquire": func() error { _, err := s.Acquire(ctx, bid("b"), long); return err },
		"renew":   func() error { _, err := s.Renew(ctx, c, long); return err },
		"release": func() error { _, err := s.Release(ctx, c); return err },
		"save":    func() error { _, err := s.Save(ctx, c, e); return err },
		"confirm": func() error { _, err := s.Confirm(ctx, c, e.Head); return err },
		"fail":    func() error { _, err := s.Fail(ctx, c, failure(c, 1)); return err },
		"reload":  func() error { _, err := s.RequestReload(ctx); return err },
	}
	if p, ok := s.(flagcache.Pinner); ok {
		ops["pin"] = func() error { _, err := p.SetPin(ctx, pin(1, e), e); return err }
		ops["history"] = func() error { _, err := p.History(ctx); return err }
		ops["load revision"] = func() error { _, err := p.LoadRevision(ctx, e.Revision); return err }
	}
	for name, op := range ops {
		began := time.Now()
		err := op()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s under a cancelled context: %v, want it to wrap context.Canceled", name, err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s under a cancelled context took %v", name, took)
		}
	}
}

func testContenders(t *testing.T, b Backend) {
	s := b.fresh(t)
	const n, each = 50, 4
	var holding, grants atomic.Int32
	var wg sync.WaitGroup
	epochs := make(chan uint64, n*each)
	for i := range n {
		wg.Go(func() {
			h := s
			if i%10 == 0 {
				h = b.Open(t, s.Scope())
			}
			for range each {
				mine := bid(name(i))
				rec, err := h.Acquire(t.Context(), mine, long)
				if errors.Is(err, flagcache.ErrHeld) {
					continue
				}
				if err != nil {
					t.Errorf("acquire: %v", err)
					return
				}
				if holding.Add(1) != 1 {
					t.Error("two hold the lease at once")
				}
				grants.Add(1)
				epochs <- rec.Lease.Epoch
				claim := flagcache.Claim{Token: mine.Token, Epoch: rec.Lease.Epoch}
				if _, err := h.Renew(t.Context(), claim, long); err != nil {
					t.Errorf("renew: %v", err)
				}
				holding.Add(-1)
				if _, err := h.Release(t.Context(), claim); err != nil {
					t.Errorf("release: %v", err)
				}
			}
		})
	}
	wg.Wait()
	close(epochs)
	seen := make(map[uint64]bool)
	for e := range epochs {
		if seen[e] {
			t.Errorf("epoch %d was granted twice", e)
		}
		seen[e] = true
	}
	if grants.Load() == 0 {
		t.Error("nobody got the lease")
	}
}

// testConcurrentSaves writes numbered documents from many goroutines in any
// order: the greatest stays.
func testConcurrentSaves(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	const n = 40
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			e := entry(s, c, uint64(i+1), `{"flags":["`+name(i)+`"]}`)
			for range 2 {
				_, err := s.Save(t.Context(), c, e)
				if err != nil && !errors.Is(err, flagcache.ErrStale) {
					t.Errorf("save %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	wantStored(t, s, entry(s, c, n, `{"flags":["`+name(n-1)+`"]}`))
}
