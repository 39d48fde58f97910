package relay_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// followed is a relay whose file of configuration names one of keys.
type followed struct {
	*relay.Relay
	t          *testing.T
	file, keys string
	text       string // of file
	reads      int
	between    func() // once, after the next read
}

func follow(t *testing.T, up *posthogtest.Server) *followed {
	dir := t.TempDir()
	f := &followed{t: t, file: filepath.Join(dir, "relay.yaml"), keys: filepath.Join(dir, "keys")}
	f.text = fmt.Sprintf("projects: [{token: %s, host: %q, secret_key: {file: %s}, relay_keys_from: {file: %s}}]\n",
		posthogtest.ProjectToken, up.URL, filepath.Join(dir, "secret"), f.keys)
	f.write(filepath.Join(dir, "secret"), posthogtest.SecretKey)
	f.write(f.file, f.text)
	f.write(f.keys, "phs_first")
	cfg, err := f.read()
	if err != nil {
		t.Fatal(err)
	}
	if f.Relay, err = relay.New(t.Context(), cfg, relay.Options{Transport: up.Client().Transport}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	f.reads = 0
	return f
}

func (f *followed) write(path, text string) {
	f.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *followed) read() (relay.Config, error) {
	f.reads++
	cfg, err := relay.ReadConfig(f.file)
	if f.between != nil {
		f.between()
		f.between = nil
	}
	return cfg, err
}

// start follows, with a look each second, until the test ends.
func (f *followed) start(signals chan os.Signal) {
	ctx, stop := context.WithCancel(f.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Follow(ctx, time.Second, signals, f.file, f.read)
	}()
	f.t.Cleanup(func() { stop(); <-done })
}

// want looks, after some time, which keys are accepted and how often the file has
// been read since the last look.
func (f *followed) want(when string, reads int, accepted ...string) {
	f.t.Helper()
	time.Sleep(10 * time.Second)
	synctest.Wait()
	var got []string
	for _, key := range []string{"phs_first", "phs_second", "phs_third"} {
		req := httptest.NewRequestWithContext(f.t.Context(), http.MethodGet, "/flags/definitions", http.NoBody)
		req.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		f.ServeHTTP(w, req)
		if w.Code != http.StatusUnauthorized {
			got = append(got, key)
		}
	}
	if got, want := strings.Join(got, " "), strings.Join(accepted, " "); got != want {
		f.t.Errorf("%s: accepts %q, want %q", when, got, want)
	}
	if f.reads != reads {
		f.t.Errorf("%s: read %d times, want %d", when, f.reads, reads)
	}
	f.reads = 0
}

// What changes after the configuration was read and before it is followed, or
// while it is read and applied, is noticed as any other change.
func TestFollowFromWhatWasRead(t *testing.T) {
	more := func(f *followed) string {
		return strings.Replace(f.text, "relay_keys_from", "relay_keys: [\""+relay.HashKey("phs_third")+"\"], relay_keys_from", 1)
	}
	for name, test := range map[string]func(*followed){
		"nothing": func(f *followed) {
			f.start(nil)
			f.want("unchanged", 0, "phs_first")
		},
		"the file before": func(f *followed) {
			f.write(f.file, more(f))
			f.start(nil)
			f.want("changed", 1, "phs_first", "phs_third")
		},
		"the keys before": func(f *followed) {
			f.write(f.keys, "phs_second")
			f.start(nil)
			f.want("changed", 1, "phs_second")
		},
		"both while it is read": func(f *followed) {
			f.start(nil)
			f.between = func() { f.write(f.file, more(f)) }
			f.write(f.keys, "phs_second")
			f.want("changed", 2, "phs_second", "phs_third")
		},
		"the file while a signal is handled": func(f *followed) {
			signals := make(chan os.Signal, 1)
			f.between = func() { f.write(f.file, more(f)) }
			signals <- os.Interrupt
			f.start(signals)
			f.want("changed", 2, "phs_first", "phs_third")
		},
		"a reload between": func(f *followed) {
			f.write(f.keys, "phs_second")
			cfg, err := f.read()
			if err == nil {
				err = f.Reload(f.t.Context(), cfg)
			}
			if err != nil {
				f.t.Fatal(err)
			}
			f.start(nil)
			f.want("read once, by hand", 1, "phs_second")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(follow(t, posthogtest.NewInMemory(t))) })
		})
	}
}

// What is refused is tried again when one of its files has changed, and not before.
func TestFollowAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, posthogtest.NewInMemory(t))
		f.start(nil)
		f.write(f.file, "nonsense")
		f.want("nonsense", 1, "phs_first")
		later := filepath.Join(filepath.Dir(f.file), "later")
		f.write(f.file, strings.Replace(f.text, f.keys, later, 1))
		f.want("keys that are not there", 1, "phs_first")
		f.write(later, "# none\n")
		f.want("no key", 1, "phs_first")
		f.write(later, "phs_second\n")
		f.want("they came later", 1, "phs_second")
		f.write(f.keys, "phs_third")
		f.want("a file that is not used any more", 0, "phs_second")
		f.write(later, "phs_third\n")
		f.want("they changed", 1, "phs_third")
	})
}

// Who waits for definitions waits for those of the feed that takes over, too.
func TestWaitUntilReadyOutlivesAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := posthogtest.NewInMemory(t)
		up.Fail(posthogtest.Failure{Status: http.StatusServiceUnavailable})
		cfg := config(up)
		r, err := relay.New(t.Context(), cfg, relay.Options{Transport: up.Client().Transport})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		waited := make(chan error, 1)
		go func() { waited <- r.WaitUntilReady(t.Context()) }()
		synctest.Wait()
		cfg.Projects[0].PollInterval = time.Minute
		if err := r.Reload(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(waited) > 0 {
			t.Fatalf("waiting ended with %v", <-waited)
		}
		up.Recover()
		if err := <-waited; err != nil {
			t.Error(err)
		}
		up.Fail(posthogtest.Failure{Status: http.StatusServiceUnavailable})
		cfg.Projects[0].Host = "http://other.test" // another PostHog: nothing is handed over
		if err := r.Reload(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		go func() { waited <- r.WaitUntilReady(t.Context()) }()
		synctest.Wait()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := <-waited; !errors.Is(err, loader.ErrClosed) {
			t.Errorf("closed: %v, want %v", err, loader.ErrClosed)
		}
	})
}
