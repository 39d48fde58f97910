//go:build unix

package dynamocache

import (
	"testing"
	"time"
)

// Whatever the host's clock says, the store's is within a second and a request
// of the server's.
func TestClock(t *testing.T) {
	server := time.Date(2026, 11, 22, 12, 0, 0, 900e6, time.UTC)
	const journey = 40 * time.Millisecond
	for _, skew := range []time.Duration{0, 300 * time.Millisecond, -300 * time.Millisecond, time.Hour, -time.Hour} {
		now := server
		c := newClock(func() time.Time { return now.Add(skew) })
		for i := range 50 {
			sent := c.host()
			now = now.Add(journey / 2)
			said := now.Truncate(time.Second)
			now = now.Add(journey / 2)
			c.heard(sent, said)
			if off := c.now().Sub(now); off.Abs() > time.Second+journey {
				t.Errorf("host %v off, answer %d: %v from the server's clock", skew, i, off)
			}
			now = now.Add(1937 * time.Millisecond) // until the next look
		}
		if off := c.now().Sub(now); off.Abs() > max(100*time.Millisecond, min(skew.Abs(), 300*time.Millisecond)) {
			t.Errorf("host %v off, after 50 answers: %v from the server's clock", skew, off)
		}
	}
}
