//go:build unix

package filecache_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/filecache"
	"github.com/hogflags/hogflags/flagcache/internal/hosttest"
)

func openBelow(dir string, scope flagcache.Scope) (hosttest.Store, error) {
	return filecache.New(filepath.Join(dir, "cache"), scope)
}

func TestMain(m *testing.M) {
	hosttest.Child(openBelow)
	goleak.VerifyTestMain(m)
}

func TestHost(t *testing.T) { hosttest.Run(t, openBelow) }
