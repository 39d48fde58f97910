package relay

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l limits
		one, two := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
		for range 1000 {
			if !l.allowAddress(one) || !l.allowKey(&keyHash{}) {
				t.Fatal("refused without a limit")
			}
		}
		l.set(Limits{PerAddress: Rate{PerSecond: 2, Burst: 3}, PerKey: Rate{PerSecond: 0.5}})
		asks := func(n int, allow func() bool) (allowed int) {
			for range n {
				if allow() {
					allowed++
				}
			}
			return allowed
		}
		from := func(ip netip.Addr) func() bool { return func() bool { return l.allowAddress(ip) } }
		for _, step := range []struct {
			name  string
			allow func() bool
			want  int
		}{
			{"the burst", from(one), 3},
			{"another address", from(two), 3},
			{"one of a network of IPv6", from(netip.MustParseAddr("2001:db8::1")), 3},
			{"another of it", from(netip.MustParseAddr("2001:db8::ffff")), 0},
			{"another network", from(netip.MustParseAddr("2001:db8:0:1::1")), 3},
			{"no address", from(netip.Addr{}), 3},
			{"a key, without a burst", func() bool { return l.allowKey(&keyHash{1}) }, 1},
			{"another key", func() bool { return l.allowKey(&keyHash{2}) }, 1},
		} {
			if got := asks(10, step.allow); got != step.want {
				t.Errorf("%s: %d of 10 allowed, want %d", step.name, got, step.want)
			}
		}
		time.Sleep(time.Second)
		if got := asks(10, from(one)); got != 2 {
			t.Errorf("a second later: %d of 10 allowed, want 2", got)
		}
		l.set(Limits{PerAddress: Rate{PerSecond: 2, Burst: 3}})
		if got := asks(10, from(one)); got != 0 {
			t.Errorf("after a reload that leaves it: %d of 10 allowed, want 0", got)
		}
		l.set(Limits{})
		if got := asks(10, from(one)); got != 10 {
			t.Errorf("after the limit was taken away: %d of 10 allowed", got)
		}
	})
}

// However many addresses there are, what is kept of them is bounded.
func TestRatesAreBounded(t *testing.T) {
	table := newTable[int](Rate{PerSecond: 1})
	for i := range 5 * maxTracked {
		table.allow(i)
		if i%1000 == 0 {
			table.allow(-1) // one that goes on asking is not forgotten
		}
	}
	if n := len(table.young) + len(table.old); n > 2*maxTracked {
		t.Errorf("%d are kept, want at most %d", n, 2*maxTracked)
	}
	if table.young[-1] == nil && table.old[-1] == nil {
		t.Error("one that goes on asking was forgotten")
	}
}
