//go:build unix

// Package processtest runs fleets of real hogflags processes on real stores,
// and kills, freezes and slows what they need.
package processtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is hogflags, built once for all tests; empty with -short.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hogflags-processtest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "hogflags")
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build makes the binary at the first call.
func build(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(binary); err == nil {
		return
	}
	out, err := exec.Command("go", "build", "-o", binary, "github.com/hogflags/hogflags/cmd/hogflags").CombinedOutput()
	if err != nil {
		t.Fatalf("build hogflags: %v\n%s", err, out)
	}
}
