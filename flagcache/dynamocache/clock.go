package dynamocache

import (
	"sync"
	"time"
)

// clock is DynamoDB's, as far as it shows: each answer carries its time in whole
// seconds. It is the host's clock as long as that agrees, and else is moved as
// far as it must be. So the hosts of a fleet are within a second of each other,
// and of the time that a request takes, however their own clocks are set.
type clock struct {
	host func() time.Time

	mu  sync.Mutex
	off time.Duration // to add to the host's
}

func newClock(host func() time.Time) *clock { return &clock{host: host} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.host().Add(c.off).UTC().Truncate(time.Microsecond)
}

// heard takes in that an answer, which came now, says that it is said o'clock.
// Its request was sent at the host's time sent.
func (c *clock) heard(sent, said time.Time) {
	came := c.host()
	c.mu.Lock()
	defer c.mu.Unlock()
	// Somewhere between sent and came it was said, and less than a second more.
	least, most := said.Sub(came), said.Add(time.Second).Sub(sent)
	c.off = min(max(c.off, least), most)
}
