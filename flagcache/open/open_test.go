//go:build unix

package open_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/testservers"
	"github.com/hogflags/hogflags/flagcache/open"
)

var scope = flagcache.Scope{Project: "phc_open", Host: "https://us.i.posthog.com"}

func TestOpen(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"memory":   func(*testing.T) string { return "memory:" },
		"redis":    func(t *testing.T) string { return "redis://" + testservers.StartRedis(t).Addr + "/1" },
		"postgres": func(t *testing.T) string { return testservers.StartPostgres(t).URL + "&create_table=true" },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := open.Open(t.Context(), url(t), scope)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := s.(flagcache.Watcher); !ok {
				t.Error("the store lost its push on the way")
			}
			rec, err := s.Acquire(t.Context(), flagcache.Bid{Token: "t", Holder: "h"}, time.Second)
			if err != nil || rec.Lease.Holder != "h" {
				t.Errorf("acquire: %+v, %v", rec.Lease, err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"etcd://x", "redis://"},
		{"", "memory:"},
		{"redis+ring://x", "unknown kind"},
		{"redis://:hunter2@127.0.0.1:1/0", "connect"},
		{"postgres://u:hunter2@127.0.0.1:1/db", "connect"},
		{"postgres://u:hunter2@127.0.0.1:x/db", "malformed"},
		{"redis://u:hunter2@127.0.0.1:1/0?no_such=1", "malformed"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		s, err := open.Open(ctx, test.url, scope)
		cancel()
		if err == nil || s != nil {
			t.Errorf("%s: opened %v", test.url, s)
			continue
		}
		if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %q, want it to mention %q and no password", test.url, err, test.want)
		}
	}
	if _, err := open.Open(t.Context(), "memory:", flagcache.Scope{}); err == nil {
		t.Error("a store without a scope was opened")
	}
}

// A table that is missing is an error that says what to do.
func TestOpenWithoutTable(t *testing.T) {
	server := testservers.StartPostgres(t)
	_, err := open.Open(t.Context(), server.URL, scope)
	if err == nil || !strings.Contains(err.Error(), "create_table=true") {
		t.Errorf("got %v, want a hint at create_table=true", err)
	}
}
