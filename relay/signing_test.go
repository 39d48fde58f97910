package relay_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// Relays sign and verify what they share. Keys are rotated while they run, by
// their files: nothing is fetched anew, and what is served goes on being served.
func TestSigning(t *testing.T) {
	up := posthogtest.New(t)
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	first, second, strange := flagcache.NewSigningKey(), flagcache.NewSigningKey(), flagcache.NewSigningKey()
	dir := t.TempDir()
	write := func(name string, lines ...string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+"~", []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+"~", path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	private := write("fleet.key", first.Reveal())
	public := write("fleet.pub", first.Public().String())
	signedBy := func() string {
		e, err := store.Load(t.Context())
		if err != nil {
			return err.Error()
		}
		return flagcache.SignedBy(e.Signature)
	}
	// following is a relay that reloads when one of its files changes.
	following := func(change func(*relay.Project)) *running {
		var cfg relay.Config
		r := start(t, up, sharing(store), project(change), func(c *relay.Config, _ *relay.Options) { cfg = *c })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.relay.Follow(ctx, 5*time.Millisecond, nil, filepath.Join(dir, "none"), func() (relay.Config, error) { return cfg, nil })
		}()
		t.Cleanup(func() { stop(); <-done })
		return r
	}
	leader := following(func(p *relay.Project) { p.SigningKey.File = private })
	reader := following(func(p *relay.Project) { p.ReadOnly, p.VerifyKeysFrom.File = true, public })
	for _, r := range []*running{leader, reader} {
		r.ready(t)
	}
	if got := signedBy(); got != first.Public().ID() {
		t.Errorf("the entry is signed by %q, want %q", got, first.Public().ID())
	}
	for r, want := range map[*running]string{
		leader: `"signing":{"key":"` + first.Public().ID() + `","trusted":[]}`,
		reader: `"signing":{"trusted":["` + first.Public().ID() + `"]}`,
	} {
		if a := r.ask(t, http.MethodGet, "/status"); !strings.Contains(a.body, want) {
			t.Errorf("/status is %s, want %s in it", a.body, want)
		}
	}
	wrong := start(t, up, sharing(store), project(func(p *relay.Project) {
		p.ReadOnly, p.VerifyKeys = true, []string{strange.Public().String()}
	}))
	wrong.await(t, "a relay with another key says why it has nothing", "/readyz", func(a answer) bool {
		return a.status == http.StatusServiceUnavailable && strings.Contains(a.body, `signed with key "`+first.Public().ID()+`", which is not trusted`)
	})

	full := up.Count(posthogtest.Full)
	write("fleet.pub", first.Public().String(), second.Public().String())
	reader.await(t, "the reader trusts both keys", "/status", func(a answer) bool { return strings.Contains(a.body, second.Public().ID()) })
	write("fleet.key", second.Reveal())
	leader.await(t, "the leader signs with the second key", "/readyz", func(answer) bool { return signedBy() == second.Public().ID() })
	write("fleet.pub", second.Public().String())
	reader.await(t, "the reader trusts the second key alone", "/status", func(a answer) bool { return !strings.Contains(a.body, first.Public().ID()) })
	if got := up.Count(posthogtest.Full); got != full {
		t.Errorf("%d documents were fetched for a rotation", got-full)
	}
	const edited = `{"flags":[],"edited":1}`
	up.SetDefinitions([]byte(edited))
	reader.await(t, "an edit reaches the reader", "/flags/definitions", func(a answer) bool { return a.body == edited })

	// A key that cannot be used changes nothing.
	write("fleet.key", second.Public().String())
	leader.await(t, "the bad key is refused", "/readyz", func(answer) bool {
		return strings.Contains(leader.logs.String(), "signing_key: read signing key: it is a public key, want one that begins with hfsk_")
	})
	const again = `{"flags":[],"edited":2}`
	up.SetDefinitions([]byte(again))
	reader.await(t, "edits go on", "/flags/definitions", func(a answer) bool { return a.body == again })
	for _, r := range []*running{leader, reader, wrong} {
		for _, key := range []flagcache.SigningKey{first, second} {
			if strings.Contains(r.logs.String()+r.ask(t, http.MethodGet, "/status").body, key.Reveal()) {
				t.Error("a private key is in the logs or the status")
			}
		}
	}
}

// A relay that begins to sign does not take over what nobody had signed.
func TestSigningBegins(t *testing.T) {
	up := posthogtest.New(t)
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	up.SetDefinitions([]byte(`{"flags":[],"by":"posthog"}`))
	var cfg relay.Config
	r := start(t, up, sharing(store), func(c *relay.Config, _ *relay.Options) { cfg = *c })
	r.ready(t)
	full := up.Count(posthogtest.Full)
	key := flagcache.NewSigningKey()
	cfg.Projects = append([]relay.Project(nil), cfg.Projects...)
	cfg.Projects[0].SigningKey = relay.Source{Value: key.Reveal()}
	if err := r.relay.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	r.await(t, "it has asked PostHog for the whole document", "/flags/definitions", func(a answer) bool {
		return a.status == http.StatusOK && up.Count(posthogtest.Full) == full+1
	})
	e, err := store.Load(t.Context())
	if err != nil || flagcache.SignedBy(e.Signature) != key.Public().ID() {
		t.Errorf("stored %+v, %v, want it signed", e, err)
	}
}

// replayed is a store behind which somebody puts another.
type replayed struct {
	kept
	by atomic.Pointer[memorycache.Store]
}

func (s *replayed) Record(ctx context.Context) (flagcache.Record, error) {
	return s.by.Load().Record(ctx)
}

func (s *replayed) Load(ctx context.Context) (*flagcache.Entry, error) { return s.by.Load().Load(ctx) }

// What was signed once is not taken again in place of what is newer, also where
// traces are made.
func TestSigningRefusesReplays(t *testing.T) {
	for name, options := range map[string]relay.Options{
		"plain":  {},
		"traced": {TracerProvider: sdk.NewTracerProvider()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signing := filepath.Join(t.TempDir(), "key")
				private := flagcache.NewSigningKey()
				if err := os.WriteFile(signing, []byte(private.Reveal()), 0o600); err != nil {
					t.Fatal(err)
				}
				run := func(up *posthogtest.Server, store relay.Store, change func(*relay.Project)) *relay.Relay {
					cfg, options := config(up), options
					cfg.Projects[0].Cache = "memory:"
					change(&cfg.Projects[0])
					options.Transport = up.Client().Transport
					options.OpenStore = func(string, flagcache.Scope) (relay.Store, error) { return store, nil }
					r, err := relay.New(t.Context(), cfg, options)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = r.Close() })
					if err := r.WaitUntilReady(t.Context()); err != nil {
						t.Fatal(err)
					}
					return r
				}
				// lead starts a leader of another fleet.
				lead := func(document string) *memorycache.Store {
					up := posthogtest.NewInMemory(t)
					up.SetDefinitions([]byte(document))
					store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
					if err != nil {
						t.Fatal(err)
					}
					run(up, kept{store}, func(p *relay.Project) { p.SigningKey.File = signing })
					time.Sleep(time.Second)
					return store
				}
				former, latest := lead(`{"flags":[],"former":1}`), lead(`{"flags":[],"latest":1}`)
				store := &replayed{kept: kept{latest}}
				store.by.Store(latest)
				reader := run(posthogtest.NewInMemory(t), store, func(p *relay.Project) {
					p.ReadOnly, p.VerifyKeys = true, []string{private.Public().String()}
				})
				store.by.Store(former)
				time.Sleep(time.Minute)
				req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/flags/definitions", http.NoBody)
				req.Header.Set("Authorization", "Bearer "+key)
				w := httptest.NewRecorder()
				reader.ServeHTTP(w, req)
				if got := w.Body.String(); !strings.Contains(got, "latest") {
					t.Errorf("serves %s, want the latest", got)
				}
			})
		})
	}
}
