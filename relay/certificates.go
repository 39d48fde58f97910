package relay

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// certificates reads a certificate from its files, again when they have
// changed. A pair that cannot be used, such as one that is half replaced, leaves
// the former in use.
type certificates struct {
	files TLS

	mu      sync.Mutex
	current *tls.Certificate
	at      [2]time.Time // modification of the files that current was read from
	looked  time.Time
}

// lookEvery is how often the files are looked at.
const lookEvery = 10 * time.Second

func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.current != nil && now.Sub(c.looked) < lookEvery {
		return c.current, nil
	}
	c.looked = now
	at := [2]time.Time{modified(c.files.Cert), modified(c.files.Key)}
	if c.current != nil && at == c.at {
		return c.current, nil
	}
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	switch {
	case err == nil:
		c.current, c.at = &pair, at
	case c.current == nil:
		return nil, err
	}
	return c.current, nil
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
