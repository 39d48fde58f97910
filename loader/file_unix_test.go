//go:build unix

package loader_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// Opening a pipe for reading blocks until somebody writes to it.
func TestPipeInPlaceOfTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var log logs
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Status: 503})
		start(t, srv, withFile(path, &log))
		if log.count("WARN", "not a regular file") != 1 {
			t.Errorf("want one warning:\n%s", &log)
		}
	})
}
