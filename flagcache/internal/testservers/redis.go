//go:build unix

// Package testservers starts real servers for tests, on free ports of loopback,
// and stops them when the test ends.
package testservers

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a running redis-server.
type Redis struct {
	Addr string

	dir  string
	args []string
	process
}

// StartRedis starts a server without persistence. More settings may follow, as
// on its command line. Where there is no redis-server the test is skipped, or
// fails if CI is true.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		missing(t, "redis-server is not installed")
	}
	r := &Redis{Addr: FreeAddr(t), dir: t.TempDir(), args: args}
	r.Start(t)
	t.Cleanup(r.Kill)
	return r
}

// Start starts the server again on the same port, empty.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	host, port, _ := net.SplitHostPort(r.Addr)
	base := []string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", r.dir, "--logfile", "redis.log"}
	r.cmd = command("redis-server", append(base, r.args...)...)
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("start redis-server: %v", err)
	}
	c := redis.NewClient(&redis.Options{Addr: r.Addr, MaxRetries: -1})
	defer func() { _ = c.Close() }()
	Await(t, "redis-server answers", func(ctx context.Context) error { return c.Ping(ctx).Err() })
}

// Signal sends a signal, such as SIGSTOP.
func (r *Redis) Signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("signal redis-server: %v", err)
	}
}

// FreeAddr returns an address of loopback on which nobody listens, nor 10000
// ports above it, where a cluster has its bus. Both are below what systems give
// to outgoing connections, one of which would else take it now and then before
// the server does.
func FreeAddr(t testing.TB) string {
	t.Helper()
	const lowest, span = 10000, 12000
	for range 100 {
		port := lowest + rand.IntN(span)
		if free(port) && free(port+10000) {
			return loopback(port)
		}
	}
	t.Fatalf("find a free port: none from %d to %d", lowest, lowest+span)
	return ""
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

// Await tries until it succeeds, for 30 seconds.
func Await(t testing.TB, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		once, done := context.WithTimeout(ctx, 2*time.Second)
		err := try(once)
		done()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s: %v", what, err)
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

// process is a server that may be running.
type process struct{ cmd *exec.Cmd }

// Kill kills the server at once.
func (p *process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // its exit status is the signal
	p.cmd = nil
}

// command makes a process that dies with the test binary.
func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = sysProcAttr()
	return cmd
}

func port(addr string) int {
	_, p, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(p)
	return n
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
