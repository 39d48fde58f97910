//go:build unix

package sqlitecache_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/hosttest"
	"github.com/hogflags/hogflags/flagcache/sqlitecache"
)

func openBelow(dir string, scope flagcache.Scope) (hosttest.Store, error) {
	return sqlitecache.New(filepath.Join(dir, "cache.db"), scope)
}

func TestMain(m *testing.M) {
	hosttest.Child(openBelow)
	goleak.VerifyTestMain(m)
}

func TestHost(t *testing.T) { hosttest.Run(t, openBelow) }
