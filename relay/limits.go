package relay

import (
	"cmp"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// limits bound how often an address and a key may ask.
type limits struct {
	shedAddresses, shedKeys atomic.Uint64

	addresses atomic.Pointer[table[netip.Prefix]] // nil: no limit
	keys      atomic.Pointer[table[keyHash]]
}

// set replaces the limits. A limit that stays the same keeps its counts.
func (l *limits) set(to Limits) {
	replace(&l.addresses, to.PerAddress)
	replace(&l.keys, to.PerKey)
}

func replace[K comparable](at *atomic.Pointer[table[K]], r Rate) {
	switch now := at.Load(); {
	case r.PerSecond == 0:
		at.Store(nil)
	case now == nil || now.rate != r:
		at.Store(newTable[K](r))
	}
}

// byAddress reports whether addresses are limited at all.
func (l *limits) byAddress() bool { return l.addresses.Load() != nil }

func (l *limits) allowAddress(ip netip.Addr) bool {
	t := l.addresses.Load()
	if t == nil {
		return true
	}
	bits := 32
	if ip.Is6() {
		bits = 64 // what one client has of its own
	}
	network, _ := ip.Prefix(bits) // the zero Prefix for no address: one limit for all of them
	if t.allow(network) {
		return true
	}
	l.shedAddresses.Add(1)
	return false
}

func (l *limits) allowKey(h *keyHash) bool {
	t := l.keys.Load()
	if t == nil || t.allow(*h) {
		return true
	}
	l.shedKeys.Add(1)
	return false
}

// maxTracked bounds each of the two generations of a table.
const maxTracked = 50_000

// table has a limiter for each of the last ones that asked. It holds two
// generations: when the younger is full, the older is forgotten, and what is
// asked for again moves to the younger.
type table[K comparable] struct {
	rate  Rate
	limit rate.Limit
	burst int

	mu         sync.Mutex
	young, old map[K]*rate.Limiter
}

func newTable[K comparable](r Rate) *table[K] {
	return &table[K]{
		rate:  r,
		limit: rate.Limit(r.PerSecond),
		burst: cmp.Or(r.Burst, max(1, int(math.Ceil(r.PerSecond)))),
		young: map[K]*rate.Limiter{},
	}
}

func (t *table[K]) allow(who K) bool {
	t.mu.Lock()
	l, ok := t.young[who]
	if !ok {
		if l, ok = t.old[who]; !ok {
			l = rate.NewLimiter(t.limit, t.burst)
		}
		if len(t.young) >= maxTracked {
			t.old, t.young = t.young, map[K]*rate.Limiter{}
		}
		t.young[who] = l
	}
	t.mu.Unlock()
	return l.Allow()
}
