package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

func TestReadyOnceApplied(t *testing.T) {
	up := posthogtest.New(t)
	up.Fail(posthogtest.Failure{Status: http.StatusPaymentRequired})
	r := start(t, up)
	r.await(t, "the reason is shown", "/readyz", func(a answer) bool {
		return a.status == http.StatusServiceUnavailable && strings.Contains(a.body, "quota_limited")
	})
	if a := r.ask(t, http.MethodGet, "/livez"); a.status != http.StatusOK {
		t.Errorf("/livez %d, want 200 also without definitions", a.status)
	}
	a := r.ask(t, http.MethodGet, "/flags/definitions", "Authorization", "Bearer "+key)
	if a.status != http.StatusServiceUnavailable || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("definitions %d %s, want 503 in plain text", a.status, a.header.Get("Content-Type"))
	}
	up.Recover()
	r.ready(t)
	up.Fail(posthogtest.Failure{Status: http.StatusPaymentRequired})
	r.await(t, "the definitions are stale", "/status", func(a answer) bool { return strings.Contains(a.body, `"state":"stale"`) })
	if a := r.ask(t, http.MethodGet, "/readyz"); a.status != http.StatusOK {
		t.Errorf("/readyz %d, want 200: stale definitions are served", a.status)
	}
}

func TestStatus(t *testing.T) {
	up := posthogtest.New(t)
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	leader := start(t, up, sharing(store))
	leader.ready(t)
	follower := start(t, up, sharing(store))
	follower.ready(t)
	type status struct {
		State, Source, Role, Revision, ETag string
		Leader                              bool
		Epoch, Seq                          uint64
		AgeSeconds                          *float64 `json:"age_seconds"`
		Upstream                            struct{ Full, Failed int }
	}
	read := func(r *running) status {
		t.Helper()
		var body string
		var all struct{ Projects []status }
		// Definitions are served before it is noted where they stand.
		r.await(t, "the position shows", "/status", func(a answer) bool {
			body = a.body
			if err := json.Unmarshal([]byte(body), &all); err != nil || len(all.Projects) != 1 {
				t.Fatalf("%v: %s", err, body)
			}
			return all.Projects[0].Epoch != 0
		})
		for _, secret := range []string{key, posthogtest.SecretKey} {
			if strings.Contains(body, secret) || strings.Contains(r.logs.String(), secret) {
				t.Error("a key is shown in the status or a log")
			}
		}
		return all.Projects[0]
	}
	l, f := read(leader), read(follower)
	if !l.Leader || l.Role != "leader" || l.Upstream.Full != 1 {
		t.Errorf("leader's status %+v, want it to lead after one full request", l)
	}
	if f.Leader || f.Role != "follower" || f.Upstream.Full != 0 {
		t.Errorf("follower's status %+v, want it to follow without a request", f)
	}
	if l.Source != "upstream" || f.Source != "store" {
		t.Errorf("sources %s and %s, want upstream and store", l.Source, f.Source)
	}
	for _, s := range []status{l, f} {
		if s.State != "current" || s.Epoch == 0 || s.Seq == 0 || s.Revision == "" || s.AgeSeconds == nil {
			t.Errorf("status %+v, want current definitions", s)
		}
	}
	if l.Revision != f.Revision || l.ETag != f.ETag {
		t.Errorf("leader has %s %s, follower %s %s, want the same", l.Revision, l.ETag, f.Revision, f.ETag)
	}
}

// A document that cannot be read is kept out, and the last good one goes on.
func TestBadDocument(t *testing.T) {
	up := posthogtest.New(t)
	r := start(t, up, keyless)
	r.ready(t)
	up.SetDefinitions([]byte(`{"flaps":[]}`))
	r.await(t, "the failure shows", "/status", func(a answer) bool { return strings.Contains(a.body, "not a definitions document") })
	if a := r.ask(t, http.MethodGet, "/flags/definitions"); a.body != posthogtest.EmptyDefinitions {
		t.Errorf("serves %s, want the last good document", a.body)
	}
}

func TestStopReleasesTheLease(t *testing.T) {
	up := posthogtest.New(t)
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, up, sharing(store))
	r.ready(t)
	if err := r.stop(); err != nil {
		t.Errorf("Run = %v, want nil after a stop", err)
	}
	rec, err := store.Record(t.Context())
	if err != nil || rec.Live() {
		t.Errorf("lease %+v, %v, want it released", rec.Lease, err)
	}
}

// An answer that is under way when the relay stops is sent to its end.
func TestStopDrains(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/slow" {
			_, _ = io.WriteString(w, posthogtest.EmptyDefinitions)
			return
		}
		_, _ = io.WriteString(w, "first half, ")
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-finish
		_, _ = io.WriteString(w, "second half")
	}))
	t.Cleanup(up.Close)
	r := start(t, &posthogtest.Server{URL: up.URL}, keyless)
	read := make(chan answer, 1)
	go func() { read <- r.ask(t, http.MethodGet, "/slow") }()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	addr := strings.TrimPrefix(r.url, "http://")
	for { // until it takes no new connections: then it is stopping
		c, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(finish)
	if a := <-read; a.body != "first half, second half" {
		t.Errorf("read %q, want the whole answer", a.body)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

// A relay that finds neither PostHog nor its store starts from its file.
func TestStartsFromLastKnownGood(t *testing.T) {
	up := posthogtest.New(t)
	file := filepath.Join(t.TempDir(), "definitions")
	keep := project(func(p *relay.Project) { p.LastKnownGood = file })
	before := start(t, up, keep)
	before.ready(t)
	want := before.ask(t, http.MethodGet, "/flags/definitions", "Authorization", "Bearer "+key)
	if err := before.stop(); err != nil {
		t.Fatal(err)
	}
	up.Fail(posthogtest.Failure{Cut: true})
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	down := func(_ *relay.Config, o *relay.Options) {
		o.OpenStore = func(string, flagcache.Scope) (relay.Store, error) {
			return outOfReach{kept{store}}, nil
		}
	}
	after := start(t, up, keep, sharing(store), down)
	a := after.ask(t, http.MethodGet, "/flags/definitions", "Authorization", "Bearer "+key)
	if a.status != http.StatusOK || a.body != want.body || a.header.Get("ETag") != want.header.Get("ETag") {
		t.Errorf("at once: %d %s, want the document of before", a.status, a.body)
	}
	if s := after.ask(t, http.MethodGet, "/status").body; !strings.Contains(s, `"source":"file"`) {
		t.Errorf("status %s, want the file as the source", s)
	}
}

// outOfReach is a store whose server is down.
type outOfReach struct{ kept }

func (outOfReach) Record(context.Context) (flagcache.Record, error) {
	return flagcache.Record{}, errors.New("connection refused")
}

func (outOfReach) Acquire(context.Context, flagcache.Bid, time.Duration) (flagcache.Record, error) {
	return flagcache.Record{}, errors.New("connection refused")
}

func TestListenNeedsAKeyBeyondLoopback(t *testing.T) {
	up := posthogtest.New(t)
	for _, test := range []struct {
		addr  string
		keyed bool
		ok    bool
	}{
		{"127.0.0.1:0", false, true}, {"localhost:0", false, true}, {"127.0.0.1:0", true, true},
		{":0", false, false}, {"0.0.0.0:0", false, false}, {":0", true, true},
	} {
		cfg := config(up)
		cfg.Listen = test.addr
		if !test.keyed {
			cfg.Projects[0].RelayKeys = nil
		}
		r, err := relay.New(t.Context(), cfg, relay.Options{})
		if (err == nil) != test.ok {
			t.Errorf("listen on %q, keyed %t: %v, want allowed %t", test.addr, test.keyed, err, test.ok)
		}
		if err == nil {
			err = r.Close()
		}
		if !test.ok && (err == nil || !strings.Contains(err.Error(), "set a relay key")) {
			t.Errorf("listen on %q: %v, want it to say what to do", test.addr, err)
		}
	}
}

// Large headers end a request before it is looked at.
func TestLargeHeaders(t *testing.T) {
	r := start(t, posthogtest.New(t), keyless)
	for size, want := range map[int]int{1 << 10: 200, 128 << 10: 431} {
		if a := r.ask(t, http.MethodGet, "/livez", "X-Large", strings.Repeat("x", size)); a.status != want {
			t.Errorf("%d bytes: status %d, want %d", size, a.status, want)
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
