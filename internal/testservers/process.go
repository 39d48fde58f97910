package testservers

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"
)

// Command is a process that the system kills with the test's, where it can.
func Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = sysProcAttr()
	return cmd
}

// process is a server that may be running.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
}

// start starts a server and waits until it answers. If it does not, the failure
// has what it said.
func (p *process) start(t testing.TB, cmd *exec.Cmd, answers func(context.Context) error) {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a server: %v", err)
	}
	p.cmd, p.ended = cmd, make(chan struct{})
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // its exit status is the signal
	}()
	if err := await(p.ended, answers); err != nil {
		p.Kill()
		t.Fatalf("%s: %v: %v\n%s", cmd, err, cmd.ProcessState, &said)
	}
}

// Kill kills the server at once.
func (p *process) Kill() { p.end(os.Kill) }

func (p *process) end(sig os.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	<-p.ended
	p.cmd = nil
}

// Signal sends a signal, such as SIGSTOP.
func (p *process) Signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("signal %s: %v", p.cmd, err)
	}
}
