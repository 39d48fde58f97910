package relay_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// Definitions that nobody has confirmed for too long decide nothing and are not
// handed out: PostHog is asked for flags, where it may be. The relay stays ready.
func TestMaxAge(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	aged := func(p *relay.Project) { p.MaxAge = 2 * time.Second }
	asks := start(t, up, project(aged))
	never := start(t, up, project(aged), project(func(p *relay.Project) { p.Remote = relay.RemoteNever }))
	expired := func(a answer) bool { return strings.Contains(a.body, `"expired":true`) }
	for _, r := range []*running{asks, never} {
		r.ready(t)
	}
	up.Fail(posthogtest.Failure{Path: "/flags/definitions", Status: http.StatusServiceUnavailable})
	for _, r := range []*running{asks, never} {
		r.await(t, "the definitions have expired", "/status", expired)
		for path, want := range map[string]string{
			"/readyz?verbose": "test: ready, with definitions older than 2s\nready\n",
			"/metrics":        `hogflags_definitions_expired{project="test"} 1`,
		} {
			if a := r.ask(t, http.MethodGet, path); a.status != http.StatusOK || !strings.Contains(a.body, want) {
				t.Errorf("%s: %d %s, want %s", path, a.status, a.body, want)
			}
		}
		if a := r.ask(t, http.MethodGet, "/flags/definitions", bearer...); a.status != http.StatusServiceUnavailable {
			t.Errorf("definitions: %d, want 503", a.status)
		}
	}
	for _, test := range []struct {
		r          *running
		path, body string
		status     int
		answered   string
		want       string
	}{
		{asks, "/flags?v=2", flagsBody(pro), 200, "upstream", `"on":{`},
		{asks, flagsPath + "/on", adaAlone, 200, "merged", `"value":true`},
		{asks, flagsPath, adaIsPro, 200, "merged", `{"key":"on","value":true`},
		{never, "/flags?v=2", flagsBody(pro), 200, "local", `"errorsWhileComputingFlags":true`},
		{never, "/flags?v=1", flagsBody(pro), 200, "local", `"featureFlags":{}`},
		{never, flagsPath + "/on", adaAlone, 400, "local", `not decided from the definitions, for want of definitions confirmed within 2s`},
	} {
		a := test.r.send(t, http.MethodPost, test.path, test.body, bearer...)
		if a.status != test.status || a.header.Get("X-Hogflags-Answered") != test.answered || !strings.Contains(a.body, test.want) {
			t.Errorf("%s: %d, %s: %s; want %d, %s, %s", test.path, a.status, a.header.Get("X-Hogflags-Answered"), a.body, test.status, test.answered, test.want)
		}
	}
	up.Recover()
	for _, r := range []*running{asks, never} {
		r.await(t, "the definitions are handed out again", "/flags/definitions", func(a answer) bool { return a.status == http.StatusOK })
		r.await(t, "flags are decided again", "/readyz", func(answer) bool {
			a := r.send(t, http.MethodPost, "/flags?v=2", flagsBody(pro), bearer...)
			return a.header.Get("X-Hogflags-Answered") == "local" && strings.Contains(a.body, `"errorsWhileComputingFlags":false`)
		})
	}
}
