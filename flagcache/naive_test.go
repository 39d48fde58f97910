package flagcache_test

import (
	"context"
	"errors"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
)

// naiveCache is a key for the data and a key for a lock, as the examples of the
// SDKs' documentation keep them.
type naiveCache struct {
	data     string
	owner    string
	lockedTo time.Time
	down     bool
}

var errDown = errors.New("connection refused")

// lead is the usual script: take the lock if it is free, prolong one's own.
func (c *naiveCache) lead(me string, ttl time.Duration) (bool, error) {
	if c.down {
		return false, errDown
	}
	if time.Now().Before(c.lockedTo) && c.owner != me {
		return false, nil
	}
	c.owner, c.lockedTo = me, time.Now().Add(ttl)
	return true, nil
}

func (c *naiveCache) release(me string) {
	if c.owner == me {
		c.owner, c.lockedTo = "", time.Time{}
	}
}

func (c *naiveCache) set(data string) error {
	if c.down {
		return errDown
	}
	c.data = data
	return nil
}

// naiveSDK polls as the SDKs do: the decision, then upstream and the store, or
// the cache. Its ETag is its own, apart from the data.
type naiveSDK struct {
	id      string
	cache   *naiveCache
	up      flagcache.Upstream
	ttl     time.Duration // of the lock
	data    string
	etag    string
	failSet bool
}

func newNaive(id string, cache *naiveCache, up *fleettest.Upstream) *naiveSDK {
	return &naiveSDK{id: id, cache: cache, up: up.For(id), ttl: time.Minute}
}

func (n *naiveSDK) poll() {
	fetch, err := n.cache.lead(n.id, n.ttl)
	if err == nil && !fetch && n.cache.data != "" {
		n.data = n.cache.data
		return
	}
	if err != nil || fetch || n.data == "" {
		n.fetch()
	}
}

func (n *naiveSDK) fetch() {
	a, err := n.up.Fetch(context.Background(), n.etag)
	if err != nil || a.NotModified {
		return
	}
	n.data, n.etag = string(a.Body), a.ETag
	if !n.failSet {
		_ = n.cache.set(n.data) // logged, and never tried again
	}
}
