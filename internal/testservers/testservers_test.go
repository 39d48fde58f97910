package testservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Nobody else gets an address before the test has ended.
func TestFreeAddr(t *testing.T) {
	var port int
	t.Run("holder", func(t *testing.T) {
		_, text, _ := net.SplitHostPort(FreeAddr(t))
		port, _ = strconv.Atoi(text)
		if reserve(t, port) {
			t.Errorf("port %d was given out twice", port)
		}
		if !free(port) {
			t.Errorf("its holder cannot listen on port %d", port)
		}
	})
	if !reserve(t, port) {
		t.Errorf("port %d is still held after the test", port)
	}
}

// failing is a test whose failure is what is looked at.
type failing struct {
	testing.TB
	said string
}

type fatal struct{}

func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic(fatal{})
}

// A server that ends instead of answering fails the test at once, with what it
// said.
func TestServerEnds(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	f := &failing{TB: t}
	began := time.Now()
	func() {
		defer func() {
			if _, ok := recover().(fatal); !ok {
				t.Error("no failure")
			}
		}()
		var p process
		p.start(f, Command("sh", "-c", "echo the port is taken; exit 3"), func(context.Context) error { return errors.New("no answer") })
	}()
	for _, want := range []string{"the port is taken", "exit status 3", "no answer"} {
		if !strings.Contains(f.said, want) {
			t.Errorf("the failure is %q, without %q", f.said, want)
		}
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("after %v", took)
	}
}
