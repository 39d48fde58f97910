//go:build unix

package relay_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// Opening a pipe for reading blocks until somebody writes to it, and what was
// read once is gone at the next poll.
func TestPipeInPlaceOfASecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config(posthogtest.New(t))
	cfg.Projects[0].RelayKeysFrom.File = path
	if _, err := relay.New(t.Context(), cfg, relay.Options{}); err == nil || !strings.Contains(err.Error(), path+" is not a regular file") {
		t.Errorf("error %v, want that it is not a regular file", err)
	}
}
