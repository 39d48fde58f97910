//go:build unix

package rediscache_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/flagcache/rediscache"
	"github.com/hogflags/hogflags/internal/testservers"
)

func TestDiagnose(t *testing.T) {
	server := testservers.StartRedis(t)
	client := newClient(t, server.Addr)
	ctx := t.Context()
	diagnose := func(c redis.UniversalClient) string {
		t.Helper()
		s, err := rediscache.New(c, fleettest.Scope)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, f := range s.Diagnose(ctx) {
			lines = append(lines, fmt.Sprintf("%s %s: %s -> %s", f.Severity, f.Check, f.Message, f.Fix))
		}
		return strings.Join(lines, "\n")
	}
	want := func(what, got string, wants ...string) {
		t.Helper()
		for _, w := range wants {
			if !strings.Contains(got, w) {
				t.Errorf("%s: got\n%s\nwant %q", what, got, w)
			}
		}
	}
	got := diagnose(client)
	want("a fresh server", got, "ok server: version ", "ok memory: ", "ok eviction: noeviction", "note persistence: ", "ok writing: ", "ok push: heard after ")
	if strings.Contains(got, "warning") || strings.Contains(got, "other documents") {
		t.Errorf("a fresh server: got\n%s\nwant no warning", got)
	}
	if keys := client.Keys(ctx, "*").Val(); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}

	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	used, err := client.Info(ctx, "memory").Result()
	must(err)
	_, used, _ = strings.Cut(used, "used_memory:")
	used, _, _ = strings.Cut(used, "\r")
	must(client.ConfigSet(ctx, "maxmemory-policy", "allkeys-lru").Err())
	must(client.ConfigSet(ctx, "appendonly", "yes").Err())
	must(client.Set(ctx, "posthog:flags:checkout", `{"flags":[]}`, 0).Err())
	must(client.Set(ctx, "posthog:flags:checkout:lock", "x", 0).Err())
	key := "hogflags:{" + fleettest.Scope.Key() + "}:entry"
	must(client.HSet(ctx, key, "epoch", 1).Err())
	must(client.Expire(ctx, key, time.Hour).Err())
	must(client.ConfigSet(ctx, "maxmemory", used).Err()) // last: from here on nothing is kept
	want("a server that is set up badly", diagnose(client), "warning eviction: allkeys-lru", "ok persistence: append-only file", "warning memory: ")
	must(client.ConfigSet(ctx, "maxmemory", "0").Err())
	must(client.HSet(ctx, key, "epoch", 1).Err())
	must(client.Expire(ctx, key, time.Hour).Err())
	must(client.Set(ctx, "posthog:flags:checkout", `{"flags":[]}`, 0).Err())
	want("a server that others use", diagnose(client), "warning lifetimes: "+key+" expires in ", "PERSIST "+key,
		"note other documents: posthog:flags:checkout is of PostHog's own", "service_key=checkout")

	interop, err := rediscache.NewInterop(client, fleettest.Scope, "checkout")
	must(err)
	for _, f := range interop.Diagnose(ctx) {
		if f.Severity == flagcache.SeverityError || f.Check == "other documents" {
			t.Errorf("with a service key: %+v", f)
		}
	}

	must(client.Do(ctx, "ACL", "SETUSER", "reader", "on", ">secret", "~hogflags:*", "+hgetall", "+hello", "+client").Err())
	reader := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "reader", Password: "secret", ContextTimeoutEnabled: true})
	defer func() { _ = reader.Close() }()
	want("a user without rights", diagnose(reader), "note server: INFO", "warning writing: a script may not write", "warning push: ", "note other documents: SCAN")
}

func TestDiagnoseUnreachable(t *testing.T) {
	s, err := rediscache.Open("redis://:hunter2@127.0.0.1:1/0?max_retries=-1&dial_timeout=1s", fleettest.Scope)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for _, f := range s.(flagcache.Diagnoser).Diagnose(t.Context()) {
		if f.Severity == flagcache.SeverityOK || strings.Contains(f.Message, "hunter2") {
			t.Errorf("a server that is down: %+v", f)
		}
	}
}
