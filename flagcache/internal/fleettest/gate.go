package fleettest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// Gate is one process's way to a store, which can be cut.
type Gate struct {
	Store  flagcache.Store
	closed atomic.Bool
}

var errCut = errors.New("connection refused")

// Close cuts the way: every operation fails.
func (g *Gate) Close() { g.closed.Store(true) }

// Open mends it.
func (g *Gate) Open() { g.closed.Store(false) }

func through[T any](g *Gate, f func() (T, error)) (T, error) {
	if g.closed.Load() {
		var none T
		return none, errCut
	}
	return f()
}

func (g *Gate) Scope() flagcache.Scope { return g.Store.Scope() }

func (g *Gate) Record(ctx context.Context) (flagcache.Record, error) {
	return through(g, func() (flagcache.Record, error) { return g.Store.Record(ctx) })
}

func (g *Gate) Load(ctx context.Context) (*flagcache.Entry, error) {
	return through(g, func() (*flagcache.Entry, error) { return g.Store.Load(ctx) })
}

func (g *Gate) Acquire(ctx context.Context, bid flagcache.Bid, ttl time.Duration) (flagcache.Record, error) {
	return through(g, func() (flagcache.Record, error) { return g.Store.Acquire(ctx, bid, ttl) })
}

func (g *Gate) Renew(ctx context.Context, claim flagcache.Claim, ttl time.Duration) (flagcache.Record, error) {
	return through(g, func() (flagcache.Record, error) { return g.Store.Renew(ctx, claim, ttl) })
}

func (g *Gate) Release(ctx context.Context, claim flagcache.Claim) (flagcache.Record, error) {
	return through(g, func() (flagcache.Record, error) { return g.Store.Release(ctx, claim) })
}

func (g *Gate) Save(ctx context.Context, claim flagcache.Claim, e *flagcache.Entry) (flagcache.Record, error) {
	return through(g, func() (flagcache.Record, error) { return g.Store.Save(ctx, claim, e) })
}

func (g *Gate) Confirm(ctx context.Context, claim flagcache.Claim, h flagcache.Head) (flagcache.Record, error) {
	return through(g, func() (flagcache.Record, error) { return g.Store.Confirm(ctx, claim, h) })
}

func (g *Gate) Fail(ctx context.Context, claim flagcache.Claim, f flagcache.Failure) (flagcache.Record, error) {
	return through(g, func() (flagcache.Record, error) { return g.Store.Fail(ctx, claim, f) })
}

func (g *Gate) RequestReload(ctx context.Context) (flagcache.Record, error) {
	return through(g, func() (flagcache.Record, error) { return g.Store.RequestReload(ctx) })
}
