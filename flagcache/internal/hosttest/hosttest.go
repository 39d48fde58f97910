//go:build unix

// Package hosttest holds a store for the processes of one host to its promises:
// real processes that contend and are killed, a full disk, a folder that cannot
// be written. The test binary is the process: its TestMain begins with [Child].
package hosttest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/internal/testservers"
)

// Store is what is tested.
type Store interface {
	flagcache.Store
	flagcache.Watcher
	io.Closer
}

// Open opens the store below a folder, which exists.
type Open func(dir string, scope flagcache.Scope) (Store, error)

var scope = flagcache.Scope{Project: "phc_host", Host: "https://us.i.posthog.com"}

// Run runs all tests. They take some seconds together.
func Run(t *testing.T, open Open) {
	t.Run("Processes", func(t *testing.T) { testProcesses(t, open) })
	t.Run("Killed", func(t *testing.T) { testKilled(t, open) })
	t.Run("FullDisk", func(t *testing.T) { testFullDisk(t, open) })
	t.Run("FileTooLarge", func(t *testing.T) { testFileTooLarge(t, open) })
	t.Run("ReadOnly", func(t *testing.T) { testReadOnly(t, open) })
}

const roleVariable = "HOGFLAGS_HOSTTEST" // what a child does, and in which folder

// Child plays the process that a test started, and ends it. In any other process
// it does nothing.
func Child(open Open) {
	role, dir, child := strings.Cut(os.Getenv(roleVariable), " ")
	if !child {
		return
	}
	s, err := open(dir, scope)
	if err == nil {
		err = map[string]func(Store, string) error{
			"contend": contend, "write": write, "limited": limited, "once": once,
		}[role](s, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child is a process of the test binary. Its lines are what it printed.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	err   *strings.Builder
}

func start(t *testing.T, role, dir string) *child {
	t.Helper()
	c := &child{cmd: testservers.Command(os.Args[0]), err: new(strings.Builder)}
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role+" "+dir, "GOMAXPROCS=1")
	c.cmd.Stderr = c.err
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	t.Cleanup(func() { _ = c.cmd.Process.Kill(); _ = c.cmd.Wait() })
	return c
}

// wait lets the child end by itself.
func (c *child) wait(t *testing.T) {
	t.Helper()
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("a child: %v: %s", err, c.err)
	}
}

func opened(t *testing.T, open Open, dir string) Store {
	t.Helper()
	s, err := open(dir, scope)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// lead takes the lease, also from a process that was killed with it.
func lead(ctx context.Context, s flagcache.Store, name string) (flagcache.Claim, error) {
	rec, err := s.Record(ctx)
	if err != nil {
		return flagcache.Claim{}, err
	}
	bid := flagcache.Bid{Token: fmt.Sprintf("%s-%d-%d", name, os.Getpid(), time.Now().UnixNano()), Holder: name, Seen: rec.Lease.Epoch + 1}
	rec, err = s.Acquire(ctx, bid, flagcache.MaxLease)
	return flagcache.Claim{Token: bid.Token, Epoch: rec.Lease.Epoch}, err
}

// entry is a document of about so many bytes that says its number.
func entry(c flagcache.Claim, seq uint64, size int) *flagcache.Entry {
	e := flagcache.NewEntry(scope, fmt.Appendf(nil, `{"flags":[],"number":"%d-%d","filler":"%s"}`, c.Epoch, seq, strings.Repeat("x", size)), "")
	e.Position = flagcache.Position{Epoch: c.Epoch, Seq: seq}
	return e
}

func mustLead(t *testing.T, s flagcache.Store) flagcache.Claim {
	t.Helper()
	c, err := lead(t.Context(), s, "test")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustSave(t *testing.T, s flagcache.Store, c flagcache.Claim, e *flagcache.Entry) {
	t.Helper()
	if _, err := s.Save(t.Context(), c, e); err != nil {
		t.Fatalf("save %v: %v", e.Position, err)
	}
}

// wantStored checks that e is what others read.
func wantStored(t *testing.T, s flagcache.Store, e *flagcache.Entry) {
	t.Helper()
	got, err := s.Load(t.Context())
	if err != nil || got.Verify(scope) != nil || got.Position != e.Position || got.Revision != e.Revision {
		t.Errorf("stored %+v, %v, want %v", got, err, e.Position)
	}
	rec, err := s.Record(t.Context())
	if err != nil || rec.Head.Position != e.Position {
		t.Errorf("the record says %v, %v, want %v", rec.Head.Position, err, e.Position)
	}
}
