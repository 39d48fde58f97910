package cloudflarekv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/internal/cloudflaretest"
)

var update = flag.Bool("update", false, "write what the tests of edge/ read")

var scope = flagcache.Scope{Project: "phc_edge", Host: "https://posthog.test"}

func publisher(t *testing.T, api *cloudflaretest.API) *Namespace {
	t.Helper()
	n, err := New(scope, Config{Account: cloudflaretest.Account, Namespace: cloudflaretest.Namespace, Token: cloudflaretest.Token, HTTPClient: &http.Client{Transport: api}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func entry(epoch uint64, body string) *flagcache.Entry {
	e := flagcache.NewEntry(scope, []byte(body), `W/"abc"`)
	e.Position = flagcache.Position{Epoch: epoch, Seq: 1}
	e.FetchedAt = time.Date(2026, 11, 22, 1, 2, 3, 4e6, time.UTC)
	e.CheckedAt = e.FetchedAt.Add(time.Minute)
	return e
}

// What was published can be loaded, byte for byte, whatever the layout of the
// document is.
func TestPublishAndLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := cloudflaretest.New()
		n := publisher(t, api)
		if _, err := n.Published(t.Context()); !errors.Is(err, flagcache.ErrNotFound) {
			t.Errorf("published on an empty namespace: %v", err)
		}
		for i, body := range []string{
			`{"flags":[],"group_type_mapping":{"0":"company"},"cohorts":{}}`,
			"{\"flags\":[]}\n\n",
			`{"flags":[],"groupTypeMapping":{},"minimal_flag_called_events":true,"cohorts":{"1":{}} }`,
			`{"group_type_mapping":{},"groupTypeMapping":{},"flags":[{"key":"}"}],"cohorts":{}}`,
		} {
			want := entry(uint64(i+1), body)
			if err := n.Publish(t.Context(), want); err != nil {
				t.Fatal(err)
			}
			got, err := n.Load(t.Context())
			if diff := cmp.Diff(got, want); err != nil || diff != "" {
				t.Errorf("load %q: %v (-got +want):\n%s", body, err, diff)
			}
			head, err := n.Published(t.Context())
			if diff := cmp.Diff(head, want.Head); err != nil || diff != "" {
				t.Errorf("published: %v (-got +want):\n%s", err, diff)
			}
			s, _ := api.Get("posthog:flags:phc_edge")
			var seen map[string]json.RawMessage
			if err := json.Unmarshal(s.Value, &seen); err != nil {
				t.Errorf("the value is not JSON: %v: %s", err, s.Value)
			}
			for _, name := range []string{"flags", "group_type_mapping", "groupTypeMapping", "cohorts"} {
				if seen[name] == nil {
					t.Errorf("the value has no %q, which an SDK reads: %s", name, s.Value)
				}
			}
		}
	})
}

// An older document is not put over a newer, and the same one costs no write.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := cloudflaretest.New()
		n, other := publisher(t, api), publisher(t, api)
		newer := entry(7, `{"flags":[]}`)
		if err := n.Publish(t.Context(), newer); err != nil {
			t.Fatal(err)
		}
		if err := other.Publish(t.Context(), entry(6, `{"flags":[],"cohorts":{}}`)); !errors.Is(err, flagcache.ErrStale) {
			t.Errorf("publish an older one: %v", err)
		}
		if err := other.Publish(t.Context(), newer); err != nil {
			t.Errorf("publish the same one: %v", err)
		}
		if got := api.Writes(); got != 1 {
			t.Errorf("%d writes, want 1", got)
		}
		damaged := entry(9, `{"flags":[]}`)
		damaged.Body = []byte(`{"flags":[ ]}`)
		if err := n.Publish(t.Context(), damaged); !errors.Is(err, flagcache.ErrBadEntry) {
			t.Errorf("publish a damaged one: %v", err)
		}
	})
}

// A key that is written too often, an API that is down or slow, and an answer that
// is lost delay a write, and do not lose or double it.
func TestLimitsAndRetries(t *testing.T) {
	status := func(code int, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			cloudflaretest.Refuse(w, code, 10001, "no")
		}
	}
	for _, test := range []struct {
		name   string
		set    func(api *cloudflaretest.API)
		within [2]time.Duration
		writes int
		err    string
	}{
		{name: "nothing", writes: 1},
		{name: "another wrote a moment ago", set: func(api *cloudflaretest.API) {
			api.Put("posthog:flags:phc_edge", cloudflaretest.Value{Value: []byte("{}"), At: time.Now()})
		}, within: [2]time.Duration{time.Second, 3 * time.Second}, writes: 2},
		{name: "down for a while", set: func(api *cloudflaretest.API) {
			api.Fail = []func(http.ResponseWriter){status(503), nil, status(502)}
		}, within: [2]time.Duration{3 * time.Second, 7 * time.Second}, writes: 2},
		{name: "429 with Retry-After", set: func(api *cloudflaretest.API) {
			api.Fail = []func(http.ResponseWriter){nil, status(429, "Retry-After", "20")}
		}, within: [2]time.Duration{20 * time.Second, 22 * time.Second}, writes: 2},
		{name: "Retry-After of ages", set: func(api *cloudflaretest.API) {
			api.Fail = []func(http.ResponseWriter){nil, status(429, "Retry-After", "9223372037")}
		}, within: [2]time.Duration{time.Minute, time.Minute}, writes: 2},
		{name: "Retry-After of a day", set: func(api *cloudflaretest.API) {
			api.Fail = []func(http.ResponseWriter){nil, status(429, "Retry-After", "86400")}
		}, within: [2]time.Duration{time.Minute, time.Minute}, writes: 2},
		{name: "answer lost", set: func(api *cloudflaretest.API) { api.Lost = 1 }, within: [2]time.Duration{time.Second, 3 * time.Second}, writes: 1},
		{name: "slow", set: func(api *cloudflaretest.API) { api.Slow = 10 * time.Second }, within: [2]time.Duration{20 * time.Second, 20 * time.Second}, writes: 1},
		{name: "hangs", set: func(api *cloudflaretest.API) { api.Slow = time.Hour }, within: [2]time.Duration{75 * time.Second, 2 * time.Minute}, err: "no answer from Cloudflare"},
		{name: "down for long", set: func(api *cloudflaretest.API) {
			for range 10 {
				api.Fail = append(api.Fail, status(500))
			}
		}, within: [2]time.Duration{15 * time.Second, 30 * time.Second}, err: "answered 500: no (code 10001)"},
		{name: "bad request", set: func(api *cloudflaretest.API) { api.Fail = []func(http.ResponseWriter){nil, status(400)} }, writes: 1, err: "answered 400"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := cloudflaretest.New()
				if test.set != nil {
					test.set(api)
				}
				from := time.Now()
				err := publisher(t, api).Publish(t.Context(), entry(7, `{"flags":[]}`))
				if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("publish: %v, want %q", err, test.err)
				}
				if err != nil && strings.Contains(err.Error(), cloudflaretest.Token) {
					t.Errorf("the error has the token: %v", err)
				}
				if took := time.Since(from); took < test.within[0] || took > test.within[1] {
					t.Errorf("took %v, want %v", took, test.within)
				}
				if got := api.Writes(); got != test.writes {
					t.Errorf("%d writes, want %d: %v", got, test.writes, api.Requests())
				}
			})
		})
	}
}

// A key takes one write a second; writers in one process take turns.
func TestWritesKeepTheirDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := cloudflaretest.New()
		n := publisher(t, api)
		var group sync.WaitGroup
		for i := range 5 {
			group.Go(func() {
				err := n.Publish(t.Context(), entry(uint64(i+1), fmt.Sprintf(`{"flags":[],"n":%d}`, i)))
				if err != nil && !errors.Is(err, flagcache.ErrStale) {
					t.Error(err)
				}
			})
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := n.Publish(ended, entry(9, `{"flags":[]}`)); !errors.Is(err, context.Canceled) {
			t.Errorf("publish with an ended context: %v", err)
		}
		group.Wait()
		head, err := n.Published(t.Context())
		if err != nil || head.Epoch != 5 {
			t.Errorf("published %v, %v, want the newest", head.Position, err)
		}
	})
}

// What is in the key and is not this project's document, or not whole, is not taken
// for one.
func TestForeignAndDamaged(t *testing.T) {
	good := func(t *testing.T) (cloudflaretest.Value, metadata) {
		value, m, err := encode(entry(7, `{"flags":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		return cloudflaretest.Value{Value: value}, m
	}
	for _, test := range []struct {
		name            string
		change          func(s *cloudflaretest.Value, m *metadata)
		published, load string // errors
	}{
		{"whole", func(*cloudflaretest.Value, *metadata) {}, "", ""},
		{"PostHog's example", func(_ *cloudflaretest.Value, m *metadata) { *m = metadata{} }, "no entry", "no entry"},
		{"another schema", func(_ *cloudflaretest.Value, m *metadata) { m.Schema = 2 }, "no entry", "no entry"},
		{"another host", func(_ *cloudflaretest.Value, m *metadata) { m.Scope = "00" }, "another host", "another host"},
		{"another document", func(s *cloudflaretest.Value, _ *metadata) {
			s.Value = bytes.Replace(s.Value, []byte("[]"), []byte("{}"), 1)
		}, "", "does not match its revision"},
		{"cut off", func(s *cloudflaretest.Value, _ *metadata) { s.Value = s.Value[:5] }, "", "shorter"},
		{"nonsense", func(_ *cloudflaretest.Value, m *metadata) { m.At, m.Added = 1<<62, 1<<62 }, "", "shorter"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, m := good(t)
			test.change(&s, &m)
			if m != (metadata{}) {
				s.Metadata, _ = json.Marshal(m)
			}
			api := cloudflaretest.New()
			api.Put("posthog:flags:phc_edge", s)
			n := publisher(t, api)
			_, published := n.Published(t.Context())
			_, load := n.Load(t.Context())
			for _, got := range []struct {
				err  error
				want string
			}{{published, test.published}, {load, test.load}} {
				if (got.err == nil) != (got.want == "") || got.err != nil && !strings.Contains(got.err.Error(), got.want) {
					t.Errorf("%v, want %q", got.err, got.want)
				}
			}
		})
	}
}

func TestOpen(t *testing.T) {
	t.Setenv("CLOUDFLARE_API_TOKEN", cloudflaretest.Token)
	t.Setenv("CLOUDFLARE_API_BASE_URL", "")
	n, err := Open("cloudflare-kv://acc0/ns0", scope, nil)
	if err != nil || n.root != "https://api.cloudflare.com/client/v4/accounts/acc0/storage/kv/namespaces/ns0" || n.Scope() != scope {
		t.Errorf("open: %v, %+v", err, n)
	}
	for _, bad := range []string{"cloudflare-kv://acc0", "cloudflare-kv://acc0/", "cloudflare-kv:///ns", "cloudflare-kv://a/b/c", "cloudflare-kv://a:hunter2@b/c", "cloudflare-kv://a/b?x=1", "redis://a/b"} {
		if _, err := Open(bad, scope, nil); !errors.Is(err, flagcache.ErrURL) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("open %s: %v", bad, err)
		}
	}
	t.Setenv("CLOUDFLARE_API_TOKEN", "")
	if _, err := Open("cloudflare-kv://acc0/ns0", scope, nil); err == nil || !strings.Contains(err.Error(), "CLOUDFLARE_API_TOKEN") {
		t.Errorf("open without a token: %v", err)
	}
	if _, err := New(flagcache.Scope{Project: "phc_x"}, Config{Account: "a", Namespace: "n", Token: "t"}); err == nil {
		t.Error("a publisher without a host")
	}
}

// The Workers' tests read what is written here: go test ./flagcache/cloudflarekv -update
func TestEdgeReadsThis(t *testing.T) {
	value, m, err := encode(entry(1790000000000000, `{"flags":[{"id":1,"key":"banner","active":true,"version":4,"filters":{"groups":[{"properties":[{"key":"größe","type":"person","operator":"gt","value":1.0}],"rollout_percentage":100}]}}],"group_type_mapping":{"0":"company"}}`+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.MarshalIndent(map[string]any{"value": string(value), "metadata": m}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const file = "../../edge/test/testdata/cloudflarekv.json"
	if *update {
		if err := os.WriteFile(file, append(want, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if diff := cmp.Diff(strings.TrimSpace(string(got)), string(want)); err != nil || diff != "" {
		t.Errorf("%s is not what is published: %v (-got +want):\n%s", file, err, diff)
	}
}

// A config that is printed or logged shows no token.
func TestConfigHidesToken(t *testing.T) {
	cfg := Config{Account: "acc", Token: "hunter2"}
	marshalled, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "config", cfg)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %v", cfg, cfg, cfg, cfg, &cfg), string(marshalled), logged.String()} {
		if strings.Contains(shown, "hunter2") || !strings.Contains(shown, "acc") {
			t.Errorf("shows %s, want the account and no token", shown)
		}
	}
}
