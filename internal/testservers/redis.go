package testservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
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
	for _, name := range []string{"redis-server", "redis-cli"} {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, "%s is not installed", name)
		}
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
	base := []string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", r.dir}
	r.start(t, Command("redis-server", append(base, r.args...)...), func(ctx context.Context) error {
		return says(ctx, r.Addr, "PONG", "ping")
	})
}

// says asks a server for something that it answers with a text, perhaps among
// others.
func says(ctx context.Context, addr, want string, question ...string) error {
	host, port, _ := net.SplitHostPort(addr)
	out, err := exec.CommandContext(ctx, "redis-cli", append([]string{"-h", host, "-p", port}, question...)...).CombinedOutput()
	if err == nil && !strings.Contains(string(out), want) {
		err = errors.New("no " + want)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", addr, err, out)
	}
	return nil
}
