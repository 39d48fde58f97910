//go:build unix

package open_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/open"
	"github.com/hogflags/hogflags/internal/testservers"
)

var scope = flagcache.Scope{Project: "phc_open", Host: "https://us.i.posthog.com"}

func TestOpen(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"memory":   func(*testing.T) string { return "memory:" },
		"file":     func(t *testing.T) string { return "file:" + t.TempDir() },
		"sqlite":   func(t *testing.T) string { return "sqlite:" + t.TempDir() + "/cache.db" },
		"redis":    func(t *testing.T) string { return "redis://" + testservers.StartRedis(t).Addr + "/1" },
		"postgres": func(t *testing.T) string { return testservers.StartPostgres(t).URL + "&create_table=true" },
		"dynamodb": func(t *testing.T) string { return testservers.StartDynamoDB(t).URL("flags") },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := open.Open(url(t), scope)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := s.(flagcache.Watcher); ok != (name != "dynamodb") {
				t.Errorf("pushes: %v", ok)
			}
			if _, ok := s.(flagcache.Pinner); !ok {
				t.Error("the store lost its pins on the way")
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
		{"redis+ring://x", "want one of"},
		{"postgres://u:hunter2@127.0.0.1:x/db", "malformed"},
		{"postgres://u:hunter2@127.0.0.1/db?create_table=1", "true or false"},
		{"postgres://u:hunter2@127.0.0.1/db?sslmode=sometimes", "sslmode"},
		{"redis://u:hunter2@127.0.0.1:1/0?no_such=1", "no_such"},
		{"redis://u:hunter2@127.0.0.1:1/zero", "malformed"},
		{"file:", "no path"},
		{"sqlite://host/x", "names a host"},
		{"dynamodb://key:hunter2@flags", "AWS's own settings"},
		// A password whose special characters were not escaped ends up anywhere.
		{"redis://u:hunter2/x@127.0.0.1:1/0", "escaped"},
		{"redis://u:hunter2#x@127.0.0.1:1/0", "escaped"},
		{"redis://u:hunter2%zz@127.0.0.1:1/0", "escaped"},
		{"redis://u:12/hunter2@127.0.0.1:1/0", "escaped"},
		{"redis://u:12?hunter2@127.0.0.1:1/0", "escaped"},
		{"redis://u:12#hunter2@127.0.0.1:1/0", "escaped"},
		{"redis+cluster://u:hunter2/x@127.0.0.1:1", "escaped"},
		{"redis+sentinel://u:hunter2/x@127.0.0.1:1?master_name=m", "escaped"},
		{"postgres://u:hunter2/x@127.0.0.1:1/db", "escaped"},
		{"postgres://u:12/hunter2@127.0.0.1/db?connect_timeout=x", "escaped"},
		{"postgres://u:12#hunter2@127.0.0.1/db", "escaped"},
		// A parameter that cannot be read is not left out: another connection, or
		// another layout, would be made than was asked for.
		{"redis://127.0.0.1:1/0?service_key=a;b=c", "parameters"},
		{"redis://127.0.0.1:1/0?service_key=%zz", "parameters"},
		{"postgres://127.0.0.1/db?sslmode=verify-full;connect_timeout=3", "parameters"},
		{"postgres://127.0.0.1/db?sslmode=verify-full%zz", "parameters"},
		{"dynamodb://flags?region=x;create_table=true", "parameters"},
	} {
		s, err := open.Open(test.url, scope)
		if err == nil || s != nil {
			t.Errorf("%s: opened %v", test.url, s)
			continue
		}
		if !errors.Is(err, flagcache.ErrURL) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %q, want ErrURL, %q and no password", test.url, err, test.want)
		}
	}
	for _, url := range []string{"memory:", "file:x", "sqlite:x", "redis://127.0.0.1:1", "postgres://127.0.0.1:1/db", "dynamodb://flags?region=x"} {
		if _, err := open.Open(url, flagcache.Scope{}); err == nil {
			t.Errorf("%s: opened without a scope", url)
		}
	}
}

// A server that is down is no mistake: the store opens, and its methods say so.
func TestOpenUnreachable(t *testing.T) {
	for _, url := range []string{"redis://:hunter2@127.0.0.1:1/0", "postgres://u:hunter2@127.0.0.1:1/db"} {
		s, err := open.Open(url, scope)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err = s.Record(ctx)
		cancel()
		if err == nil || errors.Is(err, flagcache.ErrURL) || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want a refused connection and no password", url, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A table that is missing is an error that says what to do, or is made by the
// first who needs it.
func TestOpenWithoutTable(t *testing.T) {
	server := testservers.StartPostgres(t)
	for _, test := range []struct{ parameter, want string }{
		{"", "create_table=true"},
		{"&create_table=true", ""},
		{"&create_table=false", ""}, // now it is there
	} {
		s, err := open.Open(server.URL+test.parameter, scope)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Load(t.Context())
		if test.want == "" && !errors.Is(err, flagcache.ErrNotFound) || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("with %q: %v, want a hint at %q", test.parameter, err, test.want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
