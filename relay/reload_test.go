package relay_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// Keys are rotated while requests go on, and none of them is dropped.
func TestReloadDropsNothing(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	r := start(t, up)
	r.ready(t)
	full := up.Count(posthogtest.Full)
	ctx, stop := context.WithCancel(t.Context())
	var asked, failed atomic.Int64
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for ctx.Err() == nil {
				a := r.send(t, http.MethodPost, "/flags?v=2", flagsBody(pro), bearer...)
				asked.Add(1)
				if a.status != http.StatusOK || a.header.Get("X-Hogflags-Answered") != "local" {
					failed.Add(1)
				}
			}
		})
	}
	cfg := config(up)
	for i := 0; i < 20 || asked.Load() < 100; i++ {
		cfg.Projects[0].RelayKeys = []string{relay.HashKey(key), relay.HashKey("phs_new")}[:1+i%2]
		cfg.Projects[0].Server = i%3 == 0
		cfg.Limits.PerAddress = relay.Rate{PerSecond: 1e6 + float64(i)}
		if err := r.relay.Reload(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	asking.Wait()
	if asked.Load() == 0 || failed.Load() > 0 {
		t.Errorf("%d of %d requests were not answered locally", failed.Load(), asked.Load())
	}
	if got := up.Count(posthogtest.Full); got != full {
		t.Errorf("%d documents fetched anew, want the feed to go on", got-full)
	}
	cfg.Projects[0].RelayKeys = []string{relay.HashKey(key), relay.HashKey("phs_new")}
	if err := r.relay.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if a := r.ask(t, "GET", "/flags/definitions", "Authorization", "Bearer phs_new"); a.status != http.StatusOK {
		t.Errorf("the new key: %d", a.status)
	}
	cfg.Projects[0].RelayKeys = []string{relay.HashKey("phs_new")}
	if err := r.relay.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if a := r.ask(t, "GET", "/flags/definitions", bearer...); a.status != http.StatusUnauthorized {
		t.Errorf("the old key: %d, want it refused at once", a.status)
	}
}

// Where a project's definitions come from changes while PostHog is down: those
// that are there go on being served, and nobody sees older ones. A configuration
// that is refused lets the former feed go on.
func TestReloadReplacesAFeed(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	file := filepath.Join(t.TempDir(), "last-known-good")
	r := start(t, up, project(func(p *relay.Project) { p.LastKnownGood = file }))
	r.ready(t)
	first := revisionOf(t, r)
	var old []byte
	r.await(t, "the file is written", "/status", func(answer) bool {
		var err error
		old, err = os.ReadFile(file)
		return err == nil
	})
	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the edit is served", "/status", func(answer) bool { return revisionOf(t, r) != first })
	second := revisionOf(t, r)
	up.Fail(posthogtest.Failure{Status: http.StatusServiceUnavailable})
	if err := os.WriteFile(file, old, 0o600); err != nil { // as if it could not be written
		t.Fatal(err)
	}

	cfg := config(up)
	cfg.Projects[0].LastKnownGood = file
	for i := range 5 {
		cfg.Projects[0].PollInterval = time.Second + time.Duration(i+1)*time.Millisecond
		if err := r.relay.Reload(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if got := revisionOf(t, r); got != second {
			t.Fatalf("serves revision %s after a reload, want %s", got, second)
		}
		a := r.send(t, http.MethodPost, "/flags?v=2", flagsBody(pro), bearer...)
		if a.status != http.StatusOK || a.header.Get("X-Hogflags-Answered") != "local" {
			t.Fatalf("%d %s, want a local answer", a.status, a.body)
		}
		if a := r.ask(t, "GET", "/readyz"); a.status != http.StatusOK {
			t.Fatalf("/readyz: %d %s", a.status, a.body)
		}
	}

	bad := config(up)
	bad.Projects = append(bad.Projects, bad.Projects[0])
	bad.Projects[1].Name, bad.Projects[1].Token, bad.Projects[1].Cache = "other", "phc_other", "redis://x" // cannot be opened
	if err := r.relay.Reload(t.Context(), bad); err == nil {
		t.Fatal("reload: no error")
	}
	up.Recover()
	if err := up.SetActive("on", true); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the feed goes on", "/status", func(answer) bool { return revisionOf(t, r) != second })
}

// A configuration that cannot be used changes nothing.
func TestReloadRefuses(t *testing.T) {
	up := posthogtest.New(t)
	r := start(t, up, keyless)
	r.ready(t)
	for want, change := range map[string]func(*relay.Config){
		"no project":                     func(c *relay.Config) { c.Projects = nil },
		"restart it":                     func(c *relay.Config) { c.Listen = "0.0.0.0:0" },
		"secret_key":                     func(c *relay.Config) { c.Projects[0].SecretKey = relay.Source{} },
		"relay_keys_from: stat ":         func(c *relay.Config) { c.Projects[0].RelayKeysFrom.File = "no/such/file" },
		"cannot open stores":             func(c *relay.Config) { c.Projects[0].Cache = "redis://x" },
		"time_zone":                      func(c *relay.Config) { c.Projects[0].TimeZone = "Mars/Olympus" },
		"ProjectToken":                   func(c *relay.Config) { c.Projects[0].Token = "" },
		"its token is also that of test": func(c *relay.Config) { c.Projects = append(c.Projects, c.Projects[0]) },
	} {
		cfg := config(up)
		change(&cfg)
		if err := r.relay.Reload(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("reload: %v, want it to say %q", err, want)
		}
		if a := r.ask(t, "GET", "/flags/definitions"); a.status != http.StatusOK {
			t.Errorf("after a refused configuration (%s): %d", want, a.status)
		}
	}
}

// A project comes and another goes; what is left of it goes on.
func TestReloadProjects(t *testing.T) {
	one, two := posthogtest.New(t), posthogtest.New(t)
	one.SetDefinitions([]byte(`{"flags":[],"one":1}`))
	two.SetDefinitions([]byte(`{"flags":[],"two":2}`))
	r := start(t, one)
	r.ready(t)
	cfg := config(one)
	cfg.Projects[0].Hostnames = []string{"one.test"}
	second := cfg.Projects[0]
	second.Name, second.Host, second.Hostnames = "second", two.URL, []string{"TWO.test"}
	second.Token = "phc_two" // the fake's token is another: its definitions are refused
	second.Optional = true
	cfg.Projects = append(cfg.Projects, second)
	if err := r.relay.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		host, query string
		status      int
	}{
		{"one.test", "", 200}, {"two.test:8080", "", 503}, {"127.0.0.1", "?token=phc_two", 503},
		{"two.test", token, 200}, {"one.test", "?token=phc_two", 503},
	} {
		a := r.ask(t, "GET", "/flags/definitions"+test.query, append([]string{"Host", test.host}, bearer...)...)
		if a.status != test.status {
			t.Errorf("%s%s: %d, want %d", test.host, test.query, a.status, test.status)
		}
	}
	verbose := r.ask(t, "GET", "/readyz?verbose")
	if verbose.status != http.StatusOK || !strings.Contains(verbose.body, "test: ready\n") || !strings.Contains(verbose.body, "second: ") {
		t.Errorf("/readyz %d %s, want it ready without the optional project", verbose.status, verbose.body)
	}
	before := len(two.Requests())
	if a := r.send(t, "POST", "/batch/", "{}", "Host", "two.test"); len(two.Requests()) == before {
		t.Errorf("an event for the second project: %d, want it to arrive there", a.status)
	}
	if a := r.send(t, "POST", "/batch/", "{}", "Host", "three.test"); a.status != http.StatusMisdirectedRequest {
		t.Errorf("an event for nobody: %d, want 421", a.status)
	}
	cfg.Projects = cfg.Projects[:1]
	if err := r.relay.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if a := r.ask(t, "GET", "/flags/definitions?token=phc_two", bearer...); a.status != http.StatusUnauthorized {
		t.Errorf("the project that is gone: %d, want 401", a.status)
	}
}

// The file is followed: changes of it, of the keys that it names, and signals.
func TestFollow(t *testing.T) {
	up := posthogtest.New(t)
	dir := t.TempDir()
	file, keys, secret := filepath.Join(dir, "relay.yaml"), filepath.Join(dir, "keys"), filepath.Join(dir, "secret")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+"~", path); err != nil {
			t.Fatal(err)
		}
	}
	write(secret, posthogtest.SecretKey+"\n")
	write(keys, "# workers\n"+key+"\n")
	text := "listen: 127.0.0.1:0\nprojects:\n- name: test\n  token: " + posthogtest.ProjectToken + "\n  host: " + up.URL +
		"\n  poll_interval: 1s\n  secret_key: {file: " + secret + "}\n  relay_keys_from: {file: " + keys + "}\n"
	write(file, text)
	read := func() (relay.Config, error) { return relay.ReadConfig(file) }
	r := start(t, up, func(c *relay.Config, _ *relay.Options) {
		var err error
		if *c, err = read(); err != nil {
			t.Fatal(err)
		}
	})
	r.ready(t)
	ctx, stop := context.WithCancel(t.Context())
	signals := make(chan os.Signal, 1)
	done := make(chan struct{})
	go func() { defer close(done); r.relay.Follow(ctx, 5*time.Millisecond, signals, file, read) }()
	defer func() { stop(); <-done }()
	accepts := func(k string, status int) {
		t.Helper()
		deadline := time.Now().Add(time.Minute)
		for r.ask(t, "GET", "/flags/definitions", "Authorization", "Bearer "+k).status != status {
			if time.Now().After(deadline) {
				t.Fatalf("key %s: never answered with %d\n%s", k, status, r.logs)
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	accepts(key, 200)
	write(keys, key+"\n"+relay.HashKey("phs_second")+" # next\n")
	accepts("phs_second", 200)
	accepts(key, 200)
	write(keys, relay.HashKey("phs_second"))
	accepts(key, 401)
	write(file, text+"  nonsense: 1\n")
	r.await(t, "the refusal is logged", "/readyz", func(answer) bool {
		return strings.Contains(r.logs.String(), "configuration refused") && strings.Contains(r.logs.String(), "nonsense")
	})
	accepts("phs_second", 200)
	write(file, text)
	signals <- os.Interrupt
	write(keys, key)
	accepts(key, 200)
	if strings.Contains(r.logs.String(), key) || strings.Contains(r.logs.String(), posthogtest.SecretKey) {
		t.Error("a key is in the logs")
	}
}

// A file that is being written is left alone: a half of it may be a
// configuration, one without keys for instance.
func TestFollowWaitsForTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "relay.yaml")
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("a")
		up := posthogtest.NewInMemory(t)
		r, err := relay.New(t.Context(), config(up), relay.Options{Transport: up.Client().Transport})
		if err != nil {
			t.Fatal(err)
		}
		var read []string
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Follow(ctx, 2*time.Second, nil, file, func() (relay.Config, error) {
				text, err := os.ReadFile(file)
				read = append(read, string(text))
				return config(up), err
			})
		}()
		for second, text := range map[int]string{2: "ab", 4: "abc", 6: "abcd", 20: "x", 22: "abcd"} {
			time.AfterFunc(time.Duration(second)*time.Second-time.Millisecond, func() { write(text) })
		}
		time.Sleep(time.Minute)
		stop()
		<-done
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if len(read) != 1 || read[0] != "abcd" {
			t.Errorf("read %q, want what was there at the end, once", read)
		}
	})
}

// A key-less relay answers to the names of its own host alone.
func TestRebinding(t *testing.T) {
	up := posthogtest.New(t)
	r := start(t, up, keyless)
	r.ready(t)
	keyed := start(t, up)
	keyed.ready(t)
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:8080": 200, "localhost": 200, "LOCALHOST:80": 200, "[::1]:80": 200, "x.localhost": 200,
		"evil.example": 421, "evil.example:80": 421, "127.0.0.1.evil.example": 421, "169.254.169.254": 421, "localhost.": 421,
	} {
		for _, path := range []string{"/flags/definitions", "/status"} {
			if a := r.ask(t, "GET", path, "Host", host); a.status != want {
				t.Errorf("%s to %s: %d, want %d", path, host, a.status, want)
			}
		}
		if a := keyed.ask(t, "GET", "/flags/definitions", append([]string{"Host", host}, bearer...)...); a.status != 200 {
			t.Errorf("with a key, to %s: %d, want 200", host, a.status)
		}
	}
}

// Health and status move to an address of their own.
func TestAdminAddress(t *testing.T) {
	up := newEcho(t)
	r := start(t, up.config(), func(c *relay.Config, _ *relay.Options) { c.Admin = "127.0.0.1:0" })
	if a := r.ask(t, "GET", "/status"); a.header.Get("X-Upstream") != "yes" {
		t.Errorf("/status among the clients' paths: %d %s, want it passed through", a.status, a.body)
	}
	for path, want := range map[string]string{"/livez": "alive", "/status": `"projects":[`} {
		if a := r.admin(t, "GET", path); a.status != 200 || !strings.Contains(a.body, want) || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for path, want := range map[string]int{"/flags/definitions": 404, "/batch/": 404, "/livez": 405} {
		if a := r.admin(t, "POST", path); a.status != want {
			t.Errorf("POST %s: %d, want %d", path, a.status, want)
		}
	}
}

// together is a store whose lease is given back when the others' are, too.
type together struct {
	*memorycache.Store
	*meeting
}

// meeting is of those that are still to come.
type meeting struct {
	missing atomic.Int32
	met     chan struct{} // closed when nobody is missing
	alone   atomic.Bool   // somebody gave up
}

func (s together) Release(ctx context.Context, claim flagcache.Claim) (flagcache.Record, error) {
	if s.missing.Add(-1) == 0 {
		close(s.met)
	}
	select {
	case <-s.met:
	case <-ctx.Done():
		s.alone.Store(true)
	}
	return s.Store.Release(ctx, claim)
}

func (together) Close() error { return nil }

// Feeds that a reload replaces end all at a time: one whose store is slow does not
// keep the others, nor the next reload, waiting for as long as all of them take.
func TestReloadEndsFeedsTogether(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, posthogtest.EmptyDefinitions) }))
	t.Cleanup(up.Close)
	both := &meeting{met: make(chan struct{})}
	both.missing.Store(2)
	stored := func(url string) option {
		return func(c *relay.Config, o *relay.Options) {
			second := c.Projects[0]
			second.Name, second.Token, second.Optional = "second", "phc_two", true
			c.Projects = append(c.Projects, second)
			for i := range c.Projects {
				c.Projects[i].Cache = url
			}
			o.OpenStore = func(url string, scope flagcache.Scope) (relay.Store, error) {
				store, err := memorycache.New(scope)
				if url == "memory:first" {
					return together{store, both}, err
				}
				return kept{store}, err
			}
		}
	}
	unused := posthogtest.New(t)
	host := project(func(p *relay.Project) { p.Host = up.URL })
	r := start(t, unused, host, stored("memory:first"))
	r.await(t, "both lead", "/metrics", func(a answer) bool {
		return strings.Contains(a.body, `hogflags_leader{project="test"} 1`) && strings.Contains(a.body, `hogflags_leader{project="second"} 1`)
	})
	cfg := config(unused)
	for _, change := range []option{host, stored("memory:next")} {
		change(&cfg, &relay.Options{})
	}
	if err := r.relay.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if both.alone.Load() {
		t.Errorf("one feed ended after the other:\n%s", r.logs)
	}
}
