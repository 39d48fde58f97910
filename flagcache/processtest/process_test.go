//go:build unix

package processtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hogflags/hogflags/internal/testservers"
)

// process is one hogflags serve.
type process struct {
	name string
	url  string
	cmd  *exec.Cmd
	log  string // file of its standard error
	gone bool   // killed, or stopped and waited for
	cold bool   // frozen by SIGSTOP
}

// status is what the test needs of /status.
type status struct {
	State, Role, Revision string
	Leader                bool
	Epoch, Seq            uint64
	AppliedAt             time.Time `json:"applied_at"`
	Upstream              struct {
		Full, Failed int
		NotModified  int `json:"not_modified"`
	}
	Store struct{ Tenures, Refused, Loads, Applied, Hints int }
}

var web = &http.Client{Timeout: time.Minute}

// start starts a process and waits for its address.
func start(t *testing.T, name string, env []string, args ...string) *process {
	t.Helper()
	p := &process{name: name, log: filepath.Join(t.TempDir(), name+".log")}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	p.cmd = testservers.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			text, _ := os.ReadFile(p.log)
			t.Logf("%s:\n%s", name, text)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	at := strings.Index(line, "http://")
	if err != nil || at < 0 {
		t.Fatalf("%s did not say where it listens: %q, %v", name, line, err)
	}
	p.url = strings.TrimSpace(line[at:])
	return p
}

// kill ends the process as a crash would.
func (p *process) kill() {
	if p.gone {
		return
	}
	p.gone = true
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // its exit status is the signal
}

func (p *process) freeze(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGSTOP)
	p.cold = true
}

func (p *process) thaw(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGCONT)
	p.cold = false
}

func (p *process) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("signal %s: %v", p.name, err)
	}
}

// stop ends the process in order, and returns its exit code.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	p.gone = true
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// get reads a path of the process.
func (p *process) get(ctx context.Context, path string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := web.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

func (p *process) status(ctx context.Context) (status, error) {
	var all struct{ Projects []status }
	code, body, err := p.get(ctx, "/status")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("%s: /status answers %d", p.name, code)
	}
	if err == nil {
		err = json.Unmarshal(body, &all)
	}
	if err == nil && len(all.Projects) != 1 {
		err = fmt.Errorf("%s: /status has %d projects", p.name, len(all.Projects))
	}
	if err != nil {
		return status{}, err
	}
	return all.Projects[0], nil
}
