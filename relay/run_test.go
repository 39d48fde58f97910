package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

func TestReadyOnceApplied(t *testing.T) {
	up := posthogtest.New(t)
	up.Fail(posthogtest.Failure{Status: http.StatusPaymentRequired})
	r := start(t, up, key)
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
	leader := join(t, store, up, key)
	leader.ready(t)
	follower := join(t, store, up, key)
	follower.ready(t)
	type status struct {
		State, Source, Role, Revision, ETag string
		Leader                              bool
		Epoch, Seq                          uint64
		AgeSeconds                          *float64 `json:"age_seconds"`
		Upstream                            struct{ Full, Failed int }
	}
	read := func(r *running) (s status) {
		t.Helper()
		body := r.ask(t, http.MethodGet, "/status").body
		if err := json.Unmarshal([]byte(body), &s); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{key, posthogtest.SecretKey} {
			if strings.Contains(body, secret) || strings.Contains(r.logs.String(), secret) {
				t.Error("a key is shown in the status or a log")
			}
		}
		return s
	}
	l, f := read(leader), read(follower)
	if !l.Leader || l.Role != "leader" || l.Upstream.Full != 1 {
		t.Errorf("leader's status %+v, want it to lead after one full request", l)
	}
	if f.Leader || f.Role != "follower" || f.Upstream.Full != 0 {
		t.Errorf("follower's status %+v, want it to follow without a request", f)
	}
	for _, s := range []status{l, f} {
		if s.State != "current" || s.Source != "store" || s.Epoch == 0 || s.Seq == 0 || s.Revision == "" || s.AgeSeconds == nil {
			t.Errorf("status %+v, want current definitions of the store", s)
		}
	}
	if l.Revision != f.Revision || l.ETag != f.ETag {
		t.Errorf("leader has %s %s, follower %s %s, want the same", l.Revision, l.ETag, f.Revision, f.ETag)
	}
}

// A document that cannot be read is kept out, and the last good one goes on.
func TestBadDocument(t *testing.T) {
	up := posthogtest.New(t)
	r := start(t, up, "")
	r.ready(t)
	up.SetDefinitions([]byte(`{"flaps":[]}`))
	r.await(t, "the failure shows", "/status", func(a answer) bool { return strings.Contains(a.body, "bad_document") })
	if a := r.ask(t, http.MethodGet, "/flags/definitions"); a.body != posthogtest.EmptyDefinitions {
		t.Errorf("serves %s, want the last good document", a.body)
	}
}

func TestStopReleasesTheLease(t *testing.T) {
	r := start(t, posthogtest.New(t), "")
	r.ready(t)
	if err := r.stop(); err != nil {
		t.Errorf("Run = %v, want nil after a stop", err)
	}
	rec, err := r.store.Record(t.Context())
	if err != nil || rec.Live() {
		t.Errorf("lease %+v, %v, want it released", rec.Lease, err)
	}
}

// A document that is being read when the relay stops is sent to its end.
func TestStopDrains(t *testing.T) {
	const size = 16 << 20 // more than sockets buffer
	large := supplying(`{"flags":[],"pad":"` + strings.Repeat("x", size) + `"}`)
	served, err := relay.New(relay.Config{Coordinator: large, ProjectToken: "phc_x"})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, served)
	r.ready(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/flags/definitions", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
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
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < size {
		t.Errorf("read %d bytes, %v, want the whole document", n, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestListenNeedsAKeyBeyondLoopback(t *testing.T) {
	for _, test := range []struct {
		addr, key string
		ok        bool
	}{
		{"127.0.0.1:0", "", true}, {"localhost:0", "", true}, {"127.0.0.1:0", key, true},
		{":0", "", false}, {"0.0.0.0:0", "", false}, {":0", key, true},
	} {
		r, err := relay.New(relay.Config{Coordinator: broken{}, ProjectToken: "phc_x", Key: test.key})
		if err != nil {
			t.Fatal(err)
		}
		l, err := r.Listen(t.Context(), test.addr)
		if (err == nil) != test.ok {
			t.Errorf("listen on %q with key %q: %v, want allowed %t", test.addr, test.key, err, test.ok)
		}
		if err == nil {
			_ = l.Close()
		} else if !strings.Contains(err.Error(), "set a relay key") {
			t.Errorf("listen on %q: %v, want it to say what to do", test.addr, err)
		}
	}
}

func TestRunFailsWithItsCoordinator(t *testing.T) {
	r, err := relay.New(relay.Config{Coordinator: broken{}, ProjectToken: "phc_x"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := r.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context(), l); !errors.Is(err, errBroken) {
		t.Errorf("Run = %v, want the coordinator's error", err)
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	for want, cfg := range map[string]relay.Config{
		"coordinator":   {ProjectToken: "phc_x"},
		"project token": {Coordinator: broken{}},
	} {
		if _, err := relay.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want it to name the %s", err, want)
		}
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Run(context.Context, flagcache.Upstream, flagcache.Sink) error { return errBroken }
func (broken) Reload(context.Context) error                                  { return errBroken }
func (broken) Status() flagcache.Status                                      { return flagcache.Status{Role: flagcache.RoleStarting} }

// supplying is a coordinator that hands out one document.
type supplying string

func (s supplying) Run(ctx context.Context, _ flagcache.Upstream, sink flagcache.Sink) error {
	scope := flagcache.Scope{Project: "phc_x", Host: "https://us.i.posthog.com"}
	if err := sink.Apply(flagcache.NewEntry(scope, []byte(s), "")); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
func (supplying) Reload(context.Context) error { return nil }
func (supplying) Status() flagcache.Status     { return flagcache.Status{Role: flagcache.RoleReader} }
