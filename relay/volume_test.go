package relay_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// Kubernetes changes a mounted ConfigMap or Secret by swapping one symbolic link
// in the path of every file: configuration and keys are followed across that.
func TestFollowMountedVolume(t *testing.T) {
	up := posthogtest.New(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "relay.yaml")
	mount := func(version string, files map[string]string) {
		t.Helper()
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		data := filepath.Join(dir, "..data")
		former, _ := os.Readlink(data)
		check(os.Mkdir(filepath.Join(dir, version), 0o755))
		for name, text := range files {
			check(os.WriteFile(filepath.Join(dir, version, name), []byte(text), 0o600))
			if former == "" {
				check(os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
			}
		}
		check(os.Symlink(version, data+"_tmp"))
		check(os.Rename(data+"_tmp", data))
		if former != "" {
			check(os.RemoveAll(filepath.Join(dir, former)))
		}
	}
	text := "listen: 127.0.0.1:0\nprojects:\n- name: test\n  token: " + posthogtest.ProjectToken + "\n  host: " + up.URL +
		"\n  poll_interval: 1s\n  secret_key: {file: " + filepath.Join(dir, "secret") + "}\n  relay_keys_from: {file: " + filepath.Join(dir, "keys") + "}\n  cache_from: {file: " + filepath.Join(dir, "cache") + "}\n"
	mount("..1", map[string]string{"relay.yaml": text, "keys": key, "secret": posthogtest.SecretKey, "cache": "memory:first"})

	read := func() (relay.Config, error) { return relay.ReadConfig(file) }
	stores := make(chan string, 8)
	r := start(t, up, func(c *relay.Config, o *relay.Options) {
		o.OpenStore = func(url string, scope flagcache.Scope) (relay.Store, error) {
			stores <- url
			store, err := memorycache.New(scope)
			return kept{store}, err
		}
		var err error
		if *c, err = read(); err != nil {
			t.Fatal(err)
		}
	})
	r.ready(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.relay.Follow(ctx, 5*time.Millisecond, nil, file, read) }()
	defer func() { stop(); <-done }()
	answers := func(k string, status int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); r.ask(t, "GET", "/flags/definitions", "Authorization", "Bearer "+k).status != status; {
			if time.Now().After(deadline) {
				t.Fatalf("key %s: never answered with %d\n%s", k, status, r.logs)
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	answers(key, 200)

	up.SetSecretKey("phs_rotated")
	mount("..2", map[string]string{
		"relay.yaml": text + "  relay_keys: [\"" + relay.HashKey("phs_configured") + "\"]\n", "keys": relay.HashKey("phs_second"), "secret": "phs_rotated", "cache": "memory:second",
	})
	answers("phs_configured", 200)
	answers("phs_second", 200)
	answers(key, 401)
	if err := up.AddFlag([]byte(`{"id":1,"key":"after","active":true,"filters":{"groups":[]}}`)); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the new secret key is used", "/status", func(a answer) bool {
		return a.status == 200 && r.ask(t, "GET", "/flags/definitions", "Authorization", "Bearer phs_second").body == string(up.Definitions())
	})

	if first, second := <-stores, <-stores; first != "memory:first" || second != "memory:second" {
		t.Errorf("stores %s and %s were opened", first, second)
	}

	mount("..3", map[string]string{"relay.yaml": text, "keys": key, "secret": "phs_rotated", "cache": "memory:second"})
	answers(key, 200)
	answers("phs_configured", 401)
	if len(stores) > 0 {
		t.Errorf("store %s was opened, though its URL is as before", <-stores)
	}
}
