package relay_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// flagsProject has a flag of each kind that matters to where it is answered.
const flagsProject = `{"flags":[
 {"id":1,"key":"on","active":true,"version":3,"has_experiment":true,"filters":{"groups":[{}],"payloads":{"true":"{\"a\": 1}"}}},
 {"id":2,"key":"pro","active":true,"filters":{"groups":[{"variant":"fast","properties":[{"key":"plan","type":"person","operator":"exact","value":"pro"}]}],
  "multivariate":{"variants":[{"key":"fast","rollout_percentage":100}]}}},
 {"id":3,"key":"off","active":false,"filters":{"groups":[{}]}},
 {"id":4,"key":"needs-pro","active":true,"filters":{"groups":[{"properties":[{"key":"pro","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":["pro"]}]}]}}
],"group_type_mapping":{},"cohorts":{}}`

const continuityFlag = `{"id":5,"key":"sticky","active":true,"ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":50}]}}`

var bearer = []string{"Authorization", "Bearer " + key}

// flagsBody is a request for flags, with more fields.
func flagsBody(more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"token":"` + posthogtest.ProjectToken + `","distinct_id":"ada"` + more + `}`
}

const pro = `"person_properties":{"plan":"pro"}`

// What is answered where, and that it is the same as PostHog's answer.
func TestWhereFlagsAreAnswered(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	up.SetPerson("ada", map[string]any{"plan": "pro"})
	r := start(t, up)
	r.ready(t)
	postHog := &running{url: up.URL}
	for _, test := range []struct {
		name, path, body string
		header           []string
		want             string
	}{
		{"all flags, keyed", "/flags?v=2", flagsBody(pro), bearer, "local"},
		{"all flags, with the slash", "/flags/?v=2", flagsBody(pro), bearer, "local"},
		{"all flags, in public", "/flags?v=2", flagsBody(pro), nil, "upstream: all flags"},
		{"named flags, in public", "/flags?v=2", flagsBody(pro + `,"flag_keys_to_evaluate":["on","off"]`), nil, "local"},
		{"named, short name", "/flags?v=2", flagsBody(pro + `,"flag_keys":["pro"]`), nil, "local"},
		{"named, not in the feed", "/flags?v=2", flagsBody(pro + `,"flag_keys_to_evaluate":["on","survey-targeting-1"]`), nil, "upstream: flag not in the feed"},
		{"not in the feed, keyed", "/flags?v=2", flagsBody(pro + `,"flag_keys_to_evaluate":["survey-targeting-1"]`), bearer, "upstream: flag not in the feed"},
		{"property in PostHog alone", "/flags?v=2", flagsBody(""), bearer, "merged"},
		{"named, property in PostHog alone", "/flags?v=2", flagsBody(`"flag_keys_to_evaluate":["pro"]`), nil, "merged"},
		{"with configuration", "/flags?v=2&config=true", flagsBody(pro), bearer, "upstream: config"},
		{"without it, in words", "/flags?v=2&config=false", flagsBody(pro), bearer, "local"},
		{"neither version nor config", "/flags", flagsBody(pro), bearer, "upstream: config"},
		{"detailed analysis", "/flags?v=2&detailed_analysis=1", flagsBody(pro), bearer, "upstream: detailed_analysis"},
		{"survey flags", "/flags?v=2&only_evaluate_survey_feature_flags=true", flagsBody(pro), bearer, "upstream: only_evaluate_survey_feature_flags"},
		{"parameter of the future", "/flags?v=2&new=1", flagsBody(pro), bearer, "upstream: parameter"},
		{"anonymous id without continuity", "/flags?v=2", flagsBody(pro + `,"$anon_distinct_id":"x"`), bearer, "local"},
		{"no flags wanted", "/flags?v=2", flagsBody(`"disable_flags":true`), bearer, "upstream: disable_flags"},
		{"crawler", "/flags?v=2", flagsBody(pro), append([]string{"User-Agent", "Googlebot/2.1"}, bearer...), "upstream: crawler"},
		{"a wrong relay key", "/flags?v=2", flagsBody(pro), []string{"Authorization", "Bearer phs_wrong"}, "upstream: all flags"},
		{"id twice", "/flags?v=2", flagsBody(pro + `,"$distinct_id":"bob"`), bearer, "upstream: body"},
		{"number as id", "/flags?v=2", strings.Replace(flagsBody(pro), `"ada"`, "17", 1), bearer, "local"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := r.send(t, http.MethodPost, test.path, test.body, test.header...)
			want := postHog.send(t, http.MethodPost, test.path, test.body, test.header...)
			by := got.header.Get("X-Hogflags-Answered")
			if why := got.header.Get("X-Hogflags-Why"); why != "" {
				by += ": " + why
			}
			if by != test.want {
				t.Errorf("answered %s, want %s", by, test.want)
			}
			if got.status != want.status {
				t.Fatalf("status %d, PostHog's %d: %s", got.status, want.status, want.body)
			}
			if diff := cmp.Diff(flagsOf(t, got.body), flagsOf(t, want.body)); diff != "" {
				t.Errorf("(-relay +PostHog):\n%s", diff)
			}
		})
	}
}

// flagsOf is an answer without what differs each time.
func flagsOf(t *testing.T, body string) any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		return body
	}
	delete(all, "requestId")
	delete(all, "evaluatedAt")
	return all
}

// With a continuity flag PostHog stores what an anonymous id belongs to.
func TestAnonymousIDWithContinuity(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(strings.Replace(flagsProject, `],"group_type`, ","+continuityFlag+`],"group_type`, 1)))
	r := start(t, up)
	r.ready(t)
	for more, want := range map[string]string{
		`"$anon_distinct_id":"x"`:                           "upstream",
		`"flag_keys":["on"],"$anon_distinct_id":"x"`:        "upstream",
		`"flag_keys":["on"]`:                                "local",
		pro + `,"flag_keys":["on","sticky"]`:                "merged",
		`"flag_keys":["on","off"],"$anon_distinct_id":null`: "local",
	} {
		a := r.send(t, http.MethodPost, "/flags?v=2", flagsBody(more), bearer...)
		if got := a.header.Get("X-Hogflags-Answered"); got != want {
			t.Errorf("%s: answered %s, want %s", more, got, want)
		}
	}
}

// Every way in which SDKs wrap a body means the same.
func TestBodyEncodings(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	r := start(t, up)
	r.ready(t)
	plain := flagsBody(pro + `,"blank":"a + b"`)
	base := base64.StdEncoding.EncodeToString([]byte(plain))
	want := flagsOf(t, r.send(t, http.MethodPost, "/flags?v=2", plain, bearer...).body)
	for _, test := range []struct {
		name, query, body string
		header            []string
	}{
		{"JSON", "", plain, []string{"Content-Type", "application/json"}},
		{"JSON with a charset", "", plain, []string{"Content-Type", "application/json; charset=utf-8"}},
		{"text", "", plain, []string{"Content-Type", "text/plain"}},
		{"gzip by header", "", zip(plain), []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}},
		{"gzip by parameter", "&compression=gzip", zip(plain), nil},
		{"gzip-js by parameter", "&compression=gzip-js", zip(plain), []string{"Content-Type", "text/plain"}},
		{"gzip by its first bytes", "", zip(plain), nil},
		{"base64", "&compression=base64", base, []string{"Content-Type", "text/plain"}},
		{"base64 without padding", "", strings.TrimRight(base, "="), nil},
		{"base64 escaped", "", url.QueryEscape(base), nil},
		{"form", "&compression=base64", "data=" + url.QueryEscape(base), []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"form, not escaped", "", "data=" + base, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"form without a name", "", base, []string{"Content-Type", "application/x-www-form-urlencoded"}},
	} {
		a := r.send(t, http.MethodPost, "/flags?v=2"+test.query, test.body, append(test.header, bearer...)...)
		if by := a.header.Get("X-Hogflags-Answered"); a.status != http.StatusOK || by != "local" {
			t.Errorf("%s: %d, answered %q: %s", test.name, a.status, by, a.body)
			continue
		}
		if diff := cmp.Diff(flagsOf(t, a.body), want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", test.name, diff)
		}
	}
}

func zip(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

// The older shapes hold the same values.
func TestShapes(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	r := start(t, up)
	r.ready(t)
	v1 := `{"errorsWhileComputingFlags":false,"featureFlags":{"on":true,"pro":"fast","needs-pro":true},"featureFlagPayloads":{"on":"{\"a\": 1}"}}`
	for path, want := range map[string]string{
		"/flags?v=1":                      v1,
		"/flags?v=x":                      v1,
		"/flags?config=false":             v1,
		"/decide?v=3&config=false":        v1,
		"/decide/?version=3&config=false": v1,
	} {
		a := r.send(t, http.MethodPost, path, flagsBody(pro), bearer...)
		if by := a.header.Get("X-Hogflags-Answered"); by != "local" {
			t.Errorf("%s: answered %s, want local", path, by)
		}
		if diff := cmp.Diff(flagsOf(t, a.body), flagsOf(t, want)); diff != "" {
			t.Errorf("%s (-got +want):\n%s", path, diff)
		}
	}
	a := r.send(t, http.MethodPost, "/decide?v=4&config=0", flagsBody(pro), bearer...)
	b := r.send(t, http.MethodPost, "/flags?v=2", flagsBody(pro), bearer...)
	if diff := cmp.Diff(flagsOf(t, a.body), flagsOf(t, b.body)); diff != "" {
		t.Errorf("/decide?v=4 is not /flags?v=2:\n%s", diff)
	}
	for _, path := range []string{"/decide", "/decide?v=1", "/decide?v=2&config=false", "/decide?v=3", "/flags?v=3", "/flags?v=0"} {
		a := r.send(t, http.MethodPost, path, flagsBody(pro), bearer...)
		if by := a.header.Get("X-Hogflags-Answered"); by != "upstream" {
			t.Errorf("%s: answered %s, want upstream", path, by)
		}
	}
}

// What PostHog is asked is the client's own request, for the open flags alone.
func TestMergedRequest(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	up.SetPerson("ada", map[string]any{"plan": "pro"})
	r := start(t, up, func(c *relay.Config, _ *relay.Options) { c.TrustedProxies = loopbackNet })
	r.ready(t)
	body := flagsBody(`"$groups":{"company":"acme"},"flag_keys":["on","needs-pro"],"number":1.50,"timezone":"Europe/Berlin"`)
	header := append([]string{"User-Agent", "posthog-python/7.0.0", "X-Forwarded-For", "203.0.113.9", "Cookie", "a=b", "X-Request-Id", "018f2b6e-0000-7000-8000-000000000000"}, bearer...)
	a := r.send(t, http.MethodPost, "/flags?v=1", body, header...)
	want := `{"errorsWhileComputingFlags":false,"featureFlags":{"on":true,"pro":"fast","needs-pro":true},"featureFlagPayloads":{"on":"{\"a\": 1}"}}`
	if diff := cmp.Diff(flagsOf(t, a.body), flagsOf(t, want)); diff != "" || a.header.Get("X-Hogflags-Answered") != "merged" {
		t.Errorf("answered %s (-got +want):\n%s", a.header.Get("X-Hogflags-Answered"), diff)
	}
	log := up.Requests()
	sent := log[len(log)-1]
	if sent.Path != "/flags/" || sent.Query.Encode() != "v=2" || sent.Authorized || sent.Header.Get("Cookie") != "" {
		t.Errorf("sent %s?%s, authorized %t, %v", sent.Path, sent.Query.Encode(), sent.Authorized, sent.Header)
	}
	for name, want := range map[string]string{
		"User-Agent": "posthog-python/7.0.0", "X-Forwarded-For": "203.0.113.9, 127.0.0.1", "X-Request-Id": "018f2b6e-0000-7000-8000-000000000000",
	} {
		if got := sent.Header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	if got, want := string(sent.Body), `{"$groups":{"company":"acme"},"distinct_id":"ada","flag_keys_to_evaluate":["needs-pro","pro"],"number":1.50,"timezone":"Europe/Berlin","token":"phc_posthogtest"}`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// PostHog that fails leaves the open flags failed, and costs nothing else.
func TestRemoteFails(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	for name, failure := range map[string]posthogtest.Failure{
		"503":       {Path: "/flags/", Status: 503},
		"cut":       {Path: "/flags/", Cut: true},
		"no answer": {Path: "/flags/", Body: "<html>"},
		"quota":     {Path: "/flags/", Body: `{"errorsWhileComputingFlags":false,"flags":{},"quotaLimited":["feature_flags"]}`},
		"old quota": {Path: "/flags/", Body: `{"errorsWhileComputingFlags":false,"featureFlags":{},"quota_limited":["feature_flags"]}`},
		"version 1": {Path: "/flags/", Body: `{"errorsWhileComputingFlags":false,"featureFlags":{"pro":"fast","needs-pro":true},"featureFlagPayloads":{}}`},
		"no values": {Path: "/flags/", Body: `{"errorsWhileComputingFlags":false,"flags":{"pro":null,"needs-pro":{"key":"needs-pro"}}}`},
		"no flags":  {Path: "/flags/", Body: `{"errorsWhileComputingFlags":false,"flags":{"pro":true,"needs-pro":{"enabled":"yes"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, up)
			r.ready(t)
			up.Fail(failure)
			defer up.Recover()
			a := r.send(t, http.MethodPost, "/flags?v=2", flagsBody(""), bearer...)
			checkFailed(t, a, "merged")
			a = r.send(t, http.MethodPost, "/flags?v=1", flagsBody(""), bearer...)
			want := `{"errorsWhileComputingFlags":true,"featureFlags":{"on":true},"featureFlagPayloads":{"on":"{\"a\": 1}"}}`
			if diff := cmp.Diff(flagsOf(t, a.body), flagsOf(t, want)); diff != "" {
				t.Errorf("version 1 (-got +want):\n%s", diff)
			}
		})
	}
	t.Run("never asked", func(t *testing.T) {
		r := start(t, up, project(func(p *relay.Project) { p.Remote = relay.RemoteNever }))
		r.ready(t)
		before := len(up.Requests())
		checkFailed(t, r.send(t, http.MethodPost, "/flags?v=2", flagsBody(""), bearer...), "local")
		for _, body := range []string{flagsBody(`"flag_keys":["unknown"]`), "{", flagsBody(`"disable_flags":true`)} {
			_ = r.send(t, http.MethodPost, "/flags?v=2", body, bearer...)
		}
		for _, req := range up.Requests()[before:] {
			if strings.HasPrefix(req.Path, "/flags/") && req.Method == http.MethodPost {
				t.Errorf("asked PostHog for %s", req.Path)
			}
		}
	})
	t.Run("always asked", func(t *testing.T) {
		r := start(t, up, project(func(p *relay.Project) { p.Remote = relay.RemoteAlways }))
		r.ready(t)
		a := r.send(t, http.MethodPost, "/flags?v=2", flagsBody(pro), bearer...)
		if by := a.header.Get("X-Hogflags-Answered"); by != "upstream" {
			t.Errorf("answered %s, want upstream", by)
		}
	})
}

func checkFailed(t *testing.T, a answer, by string) {
	t.Helper()
	var got struct {
		Errors bool `json:"errorsWhileComputingFlags"`
		Flags  map[string]struct{ Enabled, Failed bool }
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]struct{ Enabled, Failed bool }{"on": {true, false}, "pro": {false, true}, "needs-pro": {false, true}}
	if diff := cmp.Diff(got.Flags, want); diff != "" || !got.Errors || a.header.Get("X-Hogflags-Answered") != by {
		t.Errorf("errors %t, answered %s, want %s (-got +want):\n%s", got.Errors, a.header.Get("X-Hogflags-Answered"), by, diff)
	}
}
