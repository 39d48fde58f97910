//go:build unix

package testservers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"testing"
)

// Postgres is a running server with an empty database.
type Postgres struct {
	URL, Addr string

	bin, dir string
	process
}

// StartPostgres starts a server that trusts loopback. Where none is installed the
// test is skipped, or fails if CI is true. As root it runs as the user postgres,
// as the server wants.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	bin, ok := postgresBin()
	if !ok {
		missing(t, "postgres is not installed")
	}
	// Not t.TempDir: the server's user could not reach into it.
	dir, err := os.MkdirTemp("", "hogflags-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &Postgres{bin: bin, dir: dir, Addr: FreeAddr(t)}
	p.URL = "postgres://postgres@" + p.Addr + "/postgres?sslmode=disable"
	if cred := serverUser(t); cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	initdb := p.command(t, "initdb", "-D", p.data(), "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p.Start(t)
	t.Cleanup(p.Kill)
	return p
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

// Start starts the server again on the same port, with its data.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	host, port, _ := net.SplitHostPort(p.Addr)
	p.start(t, p.command(t, "postgres", "-D", p.data(), "-p", port, "-k", p.dir,
		"-c", "listen_addresses="+host, "-c", "fsync=off", "-c", "max_connections=200", "-c", "log_min_messages=fatal"),
		func(context.Context) error {
			out, err := p.command(t, "pg_isready", "-h", host, "-p", port, "-U", "postgres").CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			return err
		})
}

// Kill stops the server at once, as a crash would.
func (p *Postgres) Kill() { p.end(syscall.SIGQUIT) } // its children go with it

func (p *Postgres) command(t testing.TB, name string, args ...string) *exec.Cmd {
	cmd := Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	if cred := serverUser(t); cred != nil {
		cmd.SysProcAttr.Credential = cred
	}
	return cmd
}

// postgresBin finds the directory of the server's programs; Debian keeps them
// out of the path.
func postgresBin() (string, bool) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	sort.Strings(found)
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), true
	}
	path, err := exec.LookPath("initdb")
	return filepath.Dir(path), err == nil
}

// serverUser is who runs the server if the test runs as root, else nil.
func serverUser(t testing.TB) *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		missing(t, "running as root, and there is no user postgres to run the server")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
