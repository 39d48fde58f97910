package relay_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// An operator, or a webhook, does not wait for the next poll.
func TestRefresh(t *testing.T) {
	const operator = "operator-key"
	r, up := startStreams(t, func(c *relay.Config, _ *relay.Options) {
		c.OperatorKeys = []string{relay.HashKey(operator)}
		c.Projects[0].PollInterval = time.Hour
	})
	before := revisionOf(t, r)
	auth := []string{"Authorization", "Bearer " + operator}
	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	a := r.send(t, http.MethodPost, "/refresh", `{"event":"flag changed"}`, auth...)
	after := revisionOf(t, r)
	if a.status != http.StatusOK || after == before || a.body != `{"projects":[{"name":"test","revision":"`+after+`","changed":true}]}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.send(t, http.MethodPost, "/refresh?project=test", "", auth...); a.status != http.StatusOK || !strings.Contains(a.body, `"changed":false`) {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	for name, test := range map[string]struct {
		method, path string
		header       []string
		want         int
	}{
		"no key":       {"POST", "/refresh", nil, 401},
		"a relay key":  {"POST", "/refresh", bearer, 401},
		"no project":   {"POST", "/refresh?project=other", auth, 404},
		"GET":          {"GET", "/refresh", auth, 405},
		"with a slash": {"POST", "/refresh/", auth, 200},
	} {
		if a := r.send(t, test.method, test.path, "", test.header...); a.status != test.want {
			t.Errorf("%s: %d, want %d: %s", name, a.status, test.want, a.body)
		}
	}
	up.Fail(posthogtest.Failure{Status: http.StatusServiceUnavailable})
	if a := r.send(t, http.MethodPost, "/refresh", "", auth...); a.status != http.StatusBadGateway || !strings.Contains(a.body, `"error":"`) {
		t.Errorf("PostHog is down: %d %s", a.status, a.body)
	}
	closed, _ := startStreams(t)
	if a := closed.send(t, http.MethodPost, "/refresh", "", auth...); a.status != http.StatusForbidden {
		t.Errorf("a relay without operator keys: %d %s", a.status, a.body)
	}
}

// What a refresh says to be served is served, also if another feed takes over
// just then.
func TestRefreshDuringReload(t *testing.T) {
	const operator = "operator-key"
	opening, opened := make(chan struct{}), make(chan struct{})
	change := func(c *relay.Config) { c.OperatorKeys = []string{relay.HashKey(operator)} }
	r, up := startStreams(t, func(c *relay.Config, o *relay.Options) {
		change(c)
		o.OpenStore = func(string, flagcache.Scope) (relay.Store, error) {
			close(opening)
			<-opened
			store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: c.Projects[0].Host})
			return kept{store}, err
		}
	})
	before := revisionOf(t, r)
	cfg := config(up)
	change(&cfg)
	cfg.Projects[0].Cache = "memory:"
	reloaded := make(chan error, 1)
	go func() { reloaded <- r.relay.Reload(t.Context(), cfg) }()
	<-opening
	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	full := up.Count(posthogtest.Full)
	refreshed := make(chan answer, 1)
	go func() { refreshed <- r.send(t, http.MethodPost, "/refresh", "", "Authorization", "Bearer "+operator) }()
	r.await(t, "the former feed has the edit", "/livez", func(answer) bool { return up.Count(posthogtest.Full) > full })
	close(opened)
	if err := <-reloaded; err != nil {
		t.Fatal(err)
	}
	a := <-refreshed
	if after := revisionOf(t, r); a.status != http.StatusOK || after == before || !strings.Contains(a.body, after) {
		t.Errorf("%d %s, and %s is served, want another than %s", a.status, a.body, after, before)
	}
}
