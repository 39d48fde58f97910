package relay_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

func apiError(kind, code, detail string) string {
	return `{"type":"` + kind + `","code":"` + code + `","detail":"` + detail + `","attr":null}`
}

const (
	asJSON = "application/json"
	asText = "text/plain; charset=utf-8"
	token  = "?token=" + posthogtest.ProjectToken
)

// Every status of the definitions endpoint, byte for byte.
func TestDefinitionsStatuses(t *testing.T) {
	up := posthogtest.New(t)
	const document = "{ \"flags\": [],\n \"cohorts\":{}, \"unknown\":\"\\u00e4 1.0\" }\n"
	up.SetDefinitions([]byte(document))
	r := start(t, up)
	r.ready(t)
	down := posthogtest.New(t)
	down.Fail(posthogtest.Failure{Status: 503})
	empty := start(t, down)
	limited := start(t, up, func(c *relay.Config, _ *relay.Options) { c.Limits.PerKey = relay.Rate{PerSecond: 1e-9, Burst: 1} })
	limited.ready(t)
	_ = limited.ask(t, "GET", "/flags/definitions"+token, bearer...)
	two := start(t, up, func(c *relay.Config, _ *relay.Options) {
		c.Projects[0].RelayKeys = nil
		other := c.Projects[0]
		other.Name, other.Token = "other", "phc_other"
		c.Projects = append(c.Projects, other)
	})
	etag := r.ask(t, "GET", "/flags/definitions"+token, bearer...).header.Get("ETag")
	if !regexp.MustCompile(`^W/"[0-9a-f]{16}"$`).MatchString(etag) {
		t.Fatalf("ETag %s", etag)
	}
	validated := map[string]string{"Etag": etag, "Cache-Control": "private, must-revalidate", "Vary": "Accept-Encoding"}
	for _, test := range []struct {
		name         string
		relay        *running
		method, path string
		header       []string
		status       int
		kind, body   string
		want         map[string]string
	}{
		{"document", r, "GET", token, bearer, 200, asJSON, document, validated},
		{"unchanged", r, "GET", token, append([]string{"If-None-Match", etag}, bearer...), 304, "", "", validated},
		{"wrong token", r, "GET", "?token=phc_x", bearer, 401, asJSON, apiError("authentication_error", "authentication_failed",
			"The provided API key is invalid or has expired. Please check your API key and try again."), nil},
		{"no token", two, "GET", "", nil, 401, asJSON, apiError("authentication_error", "not_authenticated",
			"No API token provided. Please include a valid API token in your request."), nil},
		{"no key", r, "GET", token, nil, 401, asJSON, apiError("authentication_error", "not_authenticated",
			"Authentication credentials were not provided."), nil},
		{"basic authorization", r, "GET", token, []string{"Authorization", "Basic " + key}, 401, asJSON, apiError("authentication_error", "not_authenticated",
			"Authentication credentials were not provided."), nil},
		{"wrong secret key", r, "GET", token, []string{"Authorization", "Bearer phs_x"}, 401, asJSON, apiError("authentication_error", "authentication_failed",
			"Secret API token is invalid."), nil},
		{"PostHog's own secret key", r, "GET", token, []string{"Authorization", "Bearer " + posthogtest.SecretKey}, 401, asJSON, apiError("authentication_error", "authentication_failed",
			"Secret API token is invalid."), nil},
		{"wrong personal key", r, "GET", token, []string{"Authorization", "Bearer phx_x"}, 401, asJSON, apiError("authentication_error", "authentication_failed",
			"Personal API key is invalid."), nil},
		{"too many", limited, "GET", token, bearer, 429, asJSON, apiError("validation_error", "rate_limit_exceeded", "Rate limit exceeded"), nil},
		{"nothing yet", empty, "GET", token, bearer, 503, asText, unavailable, nil},
		{"probe", r, "HEAD", "", nil, 200, asJSON, "", nil},
		{"options", r, "OPTIONS", "", nil, 204, "", "", map[string]string{"Allow": "GET, OPTIONS, HEAD"}},
		{"post", r, "POST", token, bearer, 405, "", "", map[string]string{"Allow": "GET, OPTIONS, HEAD"}},
		{"put", r, "PUT", token, bearer, 405, "", "", map[string]string{"Allow": "GET, OPTIONS, HEAD"}},
	} {
		for _, path := range paths {
			a := test.relay.ask(t, test.method, path+test.path, test.header...)
			check(t, test.name+" "+path, a, test.status, test.kind, test.body, test.want)
		}
	}
}

// Every status of the flags endpoint that the relay gives itself.
func TestFlagsStatuses(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	r := start(t, up, func(c *relay.Config, _ *relay.Options) { c.Limits.FlagsBodyBytes = 10_000 })
	r.ready(t)
	never := start(t, up, project(func(p *relay.Project) { p.Remote = relay.RemoteNever }))
	never.ready(t)
	down := posthogtest.New(t)
	down.Fail(posthogtest.Failure{Status: 503})
	empty := start(t, down, project(func(p *relay.Project) { p.Remote = relay.RemoteNever }))
	byKey := start(t, up, func(c *relay.Config, _ *relay.Options) { c.Limits.PerKey = relay.Rate{PerSecond: 1e-9, Burst: 1} })
	byKey.ready(t)
	_ = byKey.send(t, "POST", "/flags?v=2", flagsBody(pro), bearer...)
	byAddress := start(t, up, func(c *relay.Config, _ *relay.Options) { c.Limits.PerAddress = relay.Rate{PerSecond: 1e-9, Burst: 1} })
	_ = byAddress.send(t, "POST", "/flags?v=2", flagsBody(pro), bearer...)

	undecoded := func(what string) string {
		return "Failed to decode request: " + what + ". Please check your request format and try again."
	}
	methods := map[string]string{"Allow": "GET, POST, OPTIONS, HEAD"}
	for _, test := range []struct {
		name               string
		relay              *running
		method, path, body string
		header             []string
		status             int
		kind, want         string
		headers            map[string]string
	}{
		{"no token", r, "POST", "?v=2", `{"distinct_id":"a"}`, nil, 401, asJSON, apiError("authentication_error", "not_authenticated",
			"No API token provided. Please include a valid API token in your request."), nil},
		{"wrong token", r, "POST", "?v=2", `{"distinct_id":"a","api_key":"phc_x"}`, nil, 401, asJSON, apiError("authentication_error", "authentication_failed",
			"The provided API key is invalid or has expired. Please check your API key and try again."), nil},
		{"no id", r, "POST", "?v=2", `{"token":"` + posthogtest.ProjectToken + `"}`, bearer, 400, asText,
			"The distinct_id field is missing from the request. Please include a valid identifier.", nil},
		{"null as id", r, "POST", "?v=2", `{"token":"` + posthogtest.ProjectToken + `","distinct_id":null}`, bearer, 400, asText,
			"The distinct_id field is missing from the request. Please include a valid identifier.", nil},
		{"unknown compression", r, "POST", "?v=2&compression=lz64", flagsBody(""), bearer, 400, asText, undecoded("Unsupported compression type"), nil},
		{"unknown content type", r, "POST", "?v=2", flagsBody(""), append([]string{"Content-Type", "image/png"}, bearer...), 400, asText,
			undecoded("unsupported content type: image/png"), nil},
		{"gzip in a form", r, "POST", "?v=2&compression=gzip", "data=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, 400, asText,
			undecoded("Gzip compression not supported for form-urlencoded data"), nil},
		{"no JSON, nobody to ask", never, "POST", "?v=2", "{", nil, 400, asText, undecoded("invalid JSON"), nil},
		{"no base64, nobody to ask", never, "POST", "?v=2", "%%%", nil, 400, asText, undecoded("invalid JSON"), nil},
		{"large body", r, "POST", "?v=2", strings.Repeat(" ", 10_001), nil, 413, asText, "length limit exceeded", nil},
		{"bomb", r, "POST", "?v=2", zip(strings.Repeat(" ", 1_000_000)), nil, 413, asText, "length limit exceeded", nil},
		{"too many with the key", byKey, "POST", "?v=2", flagsBody(pro), bearer, 429, asJSON, apiError("validation_error", "rate_limit_exceeded", "Rate limit exceeded"), nil},
		{"too many from the address", byAddress, "POST", "?v=2", flagsBody(pro), nil, 429, asJSON, apiError("validation_error", "rate_limit_exceeded", "Rate limit exceeded"), nil},
		{"no definitions, nobody to ask", empty, "POST", "?v=2", flagsBody(pro), bearer, 503, asText, unavailable, nil},
		{"probe", r, "HEAD", "", "", nil, 200, asJSON, "", nil},
		{"options", r, "OPTIONS", "", "", nil, 204, "", "", methods},
		{"delete", r, "DELETE", "?v=2", "", nil, 405, "", "", methods},
	} {
		for _, path := range []string{"/flags", "/flags/"} {
			for _, origin := range []string{"", "https://shop.example"} {
				header := test.header
				if origin != "" {
					header = append([]string{"Origin", origin}, header...)
				}
				a := test.relay.send(t, test.method, path+test.path, test.body, header...)
				check(t, test.name+" "+path, a, test.status, test.kind, test.want, test.headers)
				for name, want := range map[string]string{"Access-Control-Allow-Origin": origin, "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"} {
					if got := a.header.Get(name); got != want {
						t.Errorf("%s %s: %s %q, want %q", test.name, path, name, got, want)
					}
				}
			}
		}
	}
}

func check(t *testing.T, name string, a answer, status int, kind, body string, header map[string]string) {
	t.Helper()
	got := map[string]string{"Content-Type": a.header.Get("Content-Type")}
	want := map[string]string{"Content-Type": kind}
	for h, v := range header {
		got[h], want[h] = a.header.Get(h), v
	}
	if a.status != status || a.body != body {
		t.Errorf("%s: %d %q, want %d %q", name, a.status, a.body, status, body)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("%s (-got +want):\n%s", name, diff)
	}
}

// A page may read answers whatever its origin, and send what it wants to.
func TestCrossOrigin(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	r := start(t, up, project(func(p *relay.Project) { p.Server = true }))
	r.ready(t)
	const origin = "https://shop.example"
	for name, test := range map[string]struct {
		answer answer
		want   map[string]string
	}{
		"preflight": {
			r.ask(t, "OPTIONS", "/flags/?v=2", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-own"),
			map[string]string{
				"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true",
				"Access-Control-Allow-Methods": "GET,POST,OPTIONS,HEAD", "Access-Control-Allow-Headers": "content-type,x-own", "Allow": "GET, POST, OPTIONS, HEAD",
			},
		},
		"answer": {
			r.send(t, http.MethodPost, "/flags/?v=2", flagsBody(pro), "Origin", origin),
			map[string]string{
				"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Access-Control-Allow-Methods": "",
				"Access-Control-Expose-Headers": "x-posthog-rate-limit-warning, x-hogflags-answered", "X-Hogflags-Answered": "local",
			},
		},
		"no page": {
			r.send(t, http.MethodPost, "/flags/?v=2", flagsBody(pro)),
			map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Credentials": "", "X-Hogflags-Answered": "local"},
		},
	} {
		got := map[string]string{}
		for h := range test.want {
			got[h] = test.answer.header.Get(h)
		}
		if diff := cmp.Diff(got, test.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}
