// Package testservers starts real servers for tests, each on a port of loopback
// that is its own until the test ends, and stops them then.
package testservers

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

// FreeAddr returns an address of loopback on which nobody listens, nor 10000
// ports above it, where a cluster has its bus. Until the test ends no other test
// on this machine gets it. Both ports are below what systems give to outgoing
// connections, one of which would else take it now and then before the server
// does.
func FreeAddr(t testing.TB) string {
	t.Helper()
	const lowest, span = 10000, 10000
	for range 100 {
		port := lowest + rand.IntN(span)
		if reserve(t, port) && free(port) && free(port+10000) {
			return loopback(port)
		}
	}
	t.Fatalf("find a free port: none from %d to %d", lowest, lowest+span)
	return ""
}

// reserve takes UDP's port of the same number, as the sign for other tests: the
// server's own would be in its way.
func reserve(t testing.TB, port int) bool {
	c, err := net.ListenPacket("udp", loopback(port))
	if err != nil {
		return false
	}
	t.Cleanup(func() { _ = c.Close() })
	return true
}

func free(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Await tries until it succeeds, for a minute.
func Await(t testing.TB, what string, try func(context.Context) error) {
	t.Helper()
	if err := await(nil, try); err != nil {
		t.Fatalf("waited in vain until %s: %v", what, err)
	}
}

// await gives up when what it waits for has ended.
func await(ended <-chan struct{}, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		once, done := context.WithTimeout(ctx, 5*time.Second)
		err := try(once)
		done()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ended:
			return err
		case <-ctx.Done():
			return err
		}
	}
}

// missing ends a test without what it needs: it skips, or fails if CI is true,
// where everything has to be.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
