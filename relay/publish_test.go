package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cloudflarekv"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/internal/cloudflaretest"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// workersKV is Cloudflare's API, which can refuse.
type workersKV struct {
	*cloudflaretest.API
	refuses atomic.Bool
}

func (kv *workersKV) RoundTrip(req *http.Request) (*http.Response, error) {
	if kv.refuses.Load() {
		w := httptest.NewRecorder()
		cloudflaretest.Refuse(w, http.StatusForbidden, 10000, "Authentication error")
		return w.Result(), nil
	}
	return kv.API.RoundTrip(req)
}

func (kv *workersKV) open(_ string, scope flagcache.Scope, token func(context.Context) (string, error)) (flagcache.Publisher, error) {
	return cloudflarekv.New(scope, cloudflarekv.Config{
		Account: cloudflaretest.Account, Namespace: cloudflaretest.Namespace, TokenFunc: token,
		HTTPClient: &http.Client{Transport: kv},
	})
}

func (kv *workersKV) publishing(c *relay.Config, o *relay.Options) {
	c.Projects[0].PublishTo = "cloudflare-kv://acc0/ns0"
	c.Projects[0].PublishToken = relay.Source{Value: cloudflaretest.Token}
	o.OpenPublisher = kv.open
}

func (kv *workersKV) holds(body string) bool {
	v, ok := kv.Get("posthog:flags:" + posthogtest.ProjectToken)
	return ok && strings.HasPrefix(string(v.Value), strings.TrimSuffix(body, "}"))
}

// published is what /status says of publishing.
type published struct {
	Revision                    string
	Error                       string
	Written, Superseded, Failed uint64
}

func (r *running) published(t *testing.T) *published {
	t.Helper()
	var status struct {
		Projects []struct{ Published *published }
	}
	if err := json.Unmarshal([]byte(r.ask(t, http.MethodGet, "/status").body), &status); err != nil {
		t.Fatal(err)
	}
	return status.Projects[0].Published
}

// The relay that leads publishes what it serves; when it has gone, the next one
// does. Workers KV that refuses delays nothing, and gets the latest later.
func TestPublish(t *testing.T) {
	up := posthogtest.New(t)
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	kv := &workersKV{API: cloudflaretest.New()}
	document := func(n string) string { return `{"flags":[],"cohorts":{},"group_type_mapping":{"0":"` + n + `"}}` }
	edit := func(n string) {
		t.Helper()
		up.SetDefinitions([]byte(document(n)))
	}
	edit("one")
	leader := start(t, up, sharing(store), kv.publishing)
	leader.await(t, "the definitions are published", "/readyz", func(answer) bool { return kv.holds(document("one")) })
	next := start(t, up, sharing(store), kv.publishing)
	next.ready(t)

	kv.refuses.Store(true)
	for _, n := range []string{"two", "three"} {
		edit(n)
		for _, r := range []*running{leader, next} {
			r.await(t, "the edit is served while Workers KV refuses", "/flags/definitions", func(a answer) bool { return a.body == document(n) })
		}
	}
	leader.await(t, "the failure is in the status", "/readyz", func(answer) bool {
		p := leader.published(t)
		return p.Failed > 0 && strings.Contains(p.Error, "Cloudflare answered 403")
	})
	kv.refuses.Store(false)
	leader.await(t, "the latest is published", "/readyz", func(answer) bool { return kv.holds(document("three")) })
	leader.await(t, "the status has no failure any more", "/readyz", func(answer) bool { return leader.published(t).Error == "" })
	if p := next.published(t); *p != (published{}) {
		t.Errorf("the follower says %+v, want that it did nothing", *p)
	}
	metrics := leader.ask(t, http.MethodGet, "/metrics").body
	for _, want := range []string{`hogflags_publications_total{project="test",result="written"} `, `hogflags_publications_total{project="test",result="error"} `, `hogflags_last_publication_timestamp_seconds{project="test"} `} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}

	if err := leader.stop(); err != nil {
		t.Fatal(err)
	}
	edit("four")
	next.await(t, "the next leader publishes", "/readyz", func(answer) bool { return kv.holds(document("four")) })
	for _, r := range []*running{leader, next} {
		if strings.Contains(r.logs.String(), cloudflaretest.Token) {
			t.Error("the API token is in the logs")
		}
	}
}

// A relay without a store publishes, too.
func TestPublishWithoutAStore(t *testing.T) {
	up := posthogtest.New(t)
	kv := &workersKV{API: cloudflaretest.New()}
	up.SetDefinitions([]byte(`{"flags":[],"n":1}`))
	r := start(t, up, kv.publishing)
	r.await(t, "the definitions are published", "/readyz", func(answer) bool { return kv.holds(`{"flags":[],"n":1}`) })
	up.SetDefinitions([]byte(`{"flags":[],"n":2}`))
	r.await(t, "the edit is published", "/readyz", func(answer) bool { return kv.holds(`{"flags":[],"n":2}`) })
	r.await(t, "it is in the status", "/readyz", func(answer) bool {
		return r.published(t).Revision == flagcache.RevisionOf([]byte(`{"flags":[],"n":2}`)).String()
	})
}

// A relay that cannot publish says so at its start.
func TestPublishRefused(t *testing.T) {
	up := posthogtest.New(t)
	for want, change := range map[string]option{
		"publish_to: this program cannot publish": func(c *relay.Config, _ *relay.Options) { c.Projects[0].PublishTo = "cloudflare-kv://a/b" },
		"publish_to: malformed": func(c *relay.Config, o *relay.Options) {
			c.Projects[0].PublishTo = "cloudflare-kv://a"
			o.OpenPublisher = func(string, flagcache.Scope, func(context.Context) (string, error)) (flagcache.Publisher, error) {
				return nil, errors.New("malformed")
			}
		},
	} {
		cfg, opts := config(up), relay.Options{}
		change(&cfg, &opts)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if r, err := relay.New(ctx, cfg, opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %q", r, err, want)
		}
		cancel()
	}
}
