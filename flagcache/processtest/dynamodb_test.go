//go:build unix

package processtest

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/internal/testservers"
)

// TestProcessesOnDynamoDB runs processes on a store that does not push: an edit
// reaches all as they look, and a leader that is killed is replaced. Then it runs
// the commands that an operator has.
func TestProcessesOnDynamoDB(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes, and takes half a minute")
	}
	server := testservers.StartDynamoDB(t)
	f := startSix(t, server.URL("flags"))
	f.unpushed = 5 * time.Second // they look every 2 s
	f.checkRequests(t, "start", 1)
	lags := f.edit(t, 1)
	t.Logf("after the leader the others serve an edit in %v", lags)
	f.checkRequests(t, "edit", 2)

	f.leaderOf(t).kill()
	f.extra++
	_, took := f.led(t, "another leads after SIGKILL", takeOver)
	t.Logf("take-over %v after SIGKILL", took)
	f.serving(t, "after SIGKILL")
	f.checkRequests(t, "SIGKILL", 2)
	f.leave(t)

	env := f.env(strings.Replace(server.URL("flags"), "create_table=true&", "", 1))
	for _, c := range []struct {
		command string
		code    int
		wants   []string
	}{
		{"status", 0, []string{"nobody", "current"}},
		{"sync", 0, nil},
		{"pin previous --by ada --why wrong", 0, []string{"pinned "}},
		{"status --history", 0, []string{"pinned"}},
		{"unpin --by ada --why fixed", 0, []string{"unpinned "}},
		{"doctor", 1, []string{
			"flags is ACTIVE", "on demand", "this role may do dynamodb:PutItem", "a look takes 1 read unit, a renewal 1 more and 1 write unit",
			"this store does not push", "nobody leads; the last was ",
		}},
	} {
		out, code := run(t, env, c.command)
		if code != c.code {
			t.Errorf("hogflags %s: exit code %d, want %d\n%s", c.command, code, c.code, out)
		}
		for _, want := range c.wants {
			if !strings.Contains(out, want) {
				t.Errorf("hogflags %s: got\n%s\nwant %q", c.command, out, want)
			}
		}
	}
	for _, command := range []string{"doctor", "status", "sync"} {
		out, code := run(t, f.env(strings.Replace(server.URL("missing"), "create_table=true&", "", 1)), command)
		if code != 5 || !strings.Contains(out, "create_table=true") {
			t.Errorf("hogflags %s without a table: exit code %d, want 5\n%s", command, code, out)
		}
	}
}

// run runs a command to its end, and returns all that it printed.
func run(t *testing.T, env []string, command string) (string, int) {
	t.Helper()
	cmd := exec.Command(binary, strings.Fields(command)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("hogflags %s: %v", command, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
