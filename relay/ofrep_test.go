package relay_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

const (
	flagsPath   = "/ofrep/v1/evaluate/flags"
	adaIsPro    = `{"context":{"targetingKey":"ada","plan":"pro","score":3}}`
	adaAlone    = `{"context":{"targetingKey":"ada"}}`
	ofrepFields = `{"id":7,"key":"three","active":true,"filters":{"groups":[{"properties":[{"key":"score","type":"person","operator":"exact","value":["3"]}]}]}},
{"id":8,"key":"exact/3.0 %","active":true,"filters":{"groups":[{"properties":[{"key":"score","type":"person","operator":"exact","value":["3.0"]}]}]}},
{"id":9,"key":"big","active":true,"filters":{"groups":[{"properties":[{"key":"score","type":"person","operator":"exact","value":["9007199254740993"]}]}]}},
{"id":10,"key":"never","active":true,"filters":{"groups":[{"rollout_percentage":0}],"multivariate":{"variants":[{"key":"x","rollout_percentage":100}]}}},
{"id":11,"key":"team","active":true,"filters":{"aggregation_group_type_index":0,"groups":[{"properties":[{"key":"size","type":"group","group_type_index":0,"operator":"gt","value":5}]}]}},
{"id":12,"key":"backend","active":true,"evaluation_runtime":"server","filters":{"groups":[{}]}}`
)

// ofrepProject is flagsProject with flags of its own.
var ofrepProject = strings.Replace(flagsProject, `],"group_type_mapping":{}`, ","+ofrepFields+`],"group_type_mapping":{"0":"company"}`, 1)

func startOFREP(t *testing.T, options ...option) (*running, *posthogtest.Server) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(ofrepProject))
	r := start(t, up, options...)
	r.ready(t)
	return r, up
}

func never(p *relay.Project) { p.Remote = relay.RemoteNever }

func decoded(t *testing.T, body string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}

// Values, reasons, variants and metadata are those of PostHog's providers.
func TestOFREPSingle(t *testing.T) {
	r, up := startOFREP(t)
	up.SetPerson("ada", map[string]any{"plan": "pro"})
	context := func(more string) string { return `{"context":{"targetingKey":"ada"` + more + `}}` }
	for _, test := range []struct {
		key, body, by, want string
	}{
		{"on", adaAlone, "local", `{"key":"on","value":true,"reason":"TARGETING_MATCH","metadata":{"local":true,"flagId":1,"version":"3","posthogReason":"condition_match","payload":"{\"a\": 1}"}}`},
		{"pro", adaIsPro, "local", `{"key":"pro","value":"fast","reason":"TARGETING_MATCH","variant":"fast","metadata":{"local":true,"flagId":2,"posthogReason":"condition_match"}}`},
		{"pro", adaAlone, "merged", `{"key":"pro","value":"fast","reason":"TARGETING_MATCH","variant":"fast","metadata":{"local":false,"flagId":2,"posthogReason":"condition_match"}}`},
		{"pro", context(`,"plan":"free"`), "local", `{"key":"pro","reason":"DEFAULT","metadata":{"local":true,"flagId":2,"posthogReason":"no_condition_match"}}`},
		{"never", adaAlone, "local", `{"key":"never","reason":"DEFAULT","metadata":{"local":true,"flagId":10,"posthogReason":"out_of_rollout_bound"}}`},
		{"off", adaAlone, "local", `{"key":"off","value":false,"reason":"DISABLED","metadata":{"local":true,"flagId":3,"posthogReason":"flag_disabled"}}`},
		{"team", context(`,"groups":{"company":"acme"},"group_properties":{"company":{"size":6}}`), "local", `{"key":"team","value":true,"reason":"TARGETING_MATCH","metadata":{"local":true,"flagId":11,"posthogReason":"condition_match"}}`},
		{"team", context(`,"groups":{"company":"acme"},"groupProperties":{"company":{"size":5}}`), "local", `{"key":"team","value":false,"reason":"DEFAULT","metadata":{"local":true,"flagId":11,"posthogReason":"no_condition_match"}}`},
		{"three", context(`,"score":3`), "local", `{"key":"three","value":true,"reason":"TARGETING_MATCH","metadata":{"local":true,"flagId":7,"posthogReason":"condition_match"}}`},
		{"three", context(`,"score":3.0`), "local", `{"key":"three","value":false,"reason":"DEFAULT","metadata":{"local":true,"flagId":7,"posthogReason":"no_condition_match"}}`},
		{"exact%2F3.0%20%25", context(`,"score":3.0`), "local", `{"key":"exact/3.0 %","value":true,"reason":"TARGETING_MATCH","metadata":{"local":true,"flagId":8,"posthogReason":"condition_match"}}`},
		{"big", context(`,"score":9007199254740993`), "local", `{"key":"big","value":true,"reason":"TARGETING_MATCH","metadata":{"local":true,"flagId":9,"posthogReason":"condition_match"}}`},
		{"big", context(`,"score":9007199254740992`), "local", `{"key":"big","value":false,"reason":"DEFAULT","metadata":{"local":true,"flagId":9,"posthogReason":"no_condition_match"}}`},
	} {
		a := r.send(t, http.MethodPost, flagsPath+"/"+test.key, test.body, bearer...)
		if by := a.header.Get("X-Hogflags-Answered"); a.status != http.StatusOK || by != test.by {
			t.Errorf("%s of %s: %d, answered %q, want %q: %s", test.key, test.body, a.status, by, test.by, a.body)
			continue
		}
		got := decoded(t, a.body)
		metadata, _ := got["metadata"].(map[string]any)
		if revision, there := metadata["revision"]; there != (test.by == "local") || there && len(revision.(string)) != 64 {
			t.Errorf("%s: revision %v", test.key, revision)
		}
		delete(metadata, "revision")
		if diff := cmp.Diff(got, decoded(t, test.want)); diff != "" {
			t.Errorf("%s of %s (-got +want):\n%s", test.key, test.body, diff)
		}
	}
}

// The Worker of edge/ answers alike: its tests read the same table.
func TestOFREPTable(t *testing.T) {
	text, err := os.ReadFile("testdata/ofrep.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Definitions json.RawMessage
		Rows        []struct {
			Key, Body string
			Status    int
			Answer    map[string]any
		}
	}
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	up := posthogtest.New(t)
	up.SetDefinitions(table.Definitions)
	r := start(t, up, project(never))
	r.ready(t)
	for _, row := range table.Rows {
		a := r.send(t, http.MethodPost, flagsPath+"/"+row.Key, row.Body, bearer...)
		got := decoded(t, a.body)
		delete(got, "errorDetails")
		if metadata, ok := got["metadata"].(map[string]any); ok {
			delete(metadata, "revision")
		}
		if diff := cmp.Diff(got, row.Answer); diff != "" || a.status != row.Status {
			t.Errorf("%s of %s: %d, want %d (-got +want):\n%s", row.Key, row.Body, a.status, row.Status, diff)
		}
	}
}

// What OFREP's checks ask of a server: each bad request has its own error.
func TestOFREPErrors(t *testing.T) {
	r, _ := startOFREP(t, project(never))
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		code, key          string
	}{
		"null context":             {"POST", flagsPath + "/on", `{"context":null}`, 400, "TARGETING_KEY_MISSING", "on"},
		"missing body":             {"POST", flagsPath + "/on", ``, 400, "TARGETING_KEY_MISSING", "on"},
		"empty object":             {"POST", flagsPath + "/on", `{}`, 400, "TARGETING_KEY_MISSING", "on"},
		"empty targeting key":      {"POST", flagsPath + "/on", `{"context":{"targetingKey":""}}`, 400, "TARGETING_KEY_MISSING", "on"},
		"context is a list":        {"POST", flagsPath + "/on", `{"context":[]}`, 400, "INVALID_CONTEXT", "on"},
		"numeric targeting key":    {"POST", flagsPath + "/on", `{"context":{"targetingKey":1}}`, 400, "INVALID_CONTEXT", "on"},
		"groups are a text":        {"POST", flagsPath + "/on", `{"context":{"targetingKey":"a","groups":"acme"}}`, 400, "INVALID_CONTEXT", "on"},
		"no JSON":                  {"POST", flagsPath + "/on", `{"context"`, 400, "PARSE_ERROR", "on"},
		"a list":                   {"POST", flagsPath + "/on", `[]`, 400, "PARSE_ERROR", "on"},
		"two values":               {"POST", flagsPath + "/on", adaAlone + adaAlone, 400, "PARSE_ERROR", "on"},
		"no UTF-8":                 {"POST", flagsPath + "/on", "{\"context\":{\"targetingKey\":\"\xff\"}}", 400, "PARSE_ERROR", "on"},
		"unknown key":              {"POST", flagsPath + "/missing", adaAlone, 404, "FLAG_NOT_FOUND", "missing"},
		"unknown key with a slash": {"POST", flagsPath + "/a%2Fb", adaAlone, 404, "FLAG_NOT_FOUND", "a/b"},
		"unknown key, escaped":     {"POST", flagsPath + "/%E2%82%AC%20%25", adaAlone, 404, "FLAG_NOT_FOUND", "€ %"},
		"not decided":              {"POST", flagsPath + "/pro", adaAlone, 400, "GENERAL", "pro"},
		"bulk without a key":       {"POST", flagsPath, `{"context":{}}`, 400, "TARGETING_KEY_MISSING", ""},
		"GET":                      {"GET", flagsPath + "/on", "", 405, "", ""},
		"GET of all":               {"GET", flagsPath, "", 405, "", ""},
		"no such path":             {"POST", "/ofrep/v1/other", adaAlone, 404, "", ""},
		"no such path, longer":     {"POST", flagsPath + "er", adaAlone, 404, "", ""},
	} {
		a := r.send(t, test.method, test.path, test.body, bearer...)
		if a.status != test.status {
			t.Errorf("%s: %d, want %d: %s", name, a.status, test.status, a.body)
			continue
		}
		got := decoded(t, a.body)
		code, _ := got["errorCode"].(string)
		key, _ := got["key"].(string)
		if details, _ := got["errorDetails"].(string); code != test.code || key != test.key || details == "" {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	if a := r.send(t, http.MethodHead, flagsPath, "", bearer...); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
	large := `{"context":{"targetingKey":"ada","notes":"` + strings.Repeat("x", 1<<20) + `"}}`
	if a := r.send(t, http.MethodPost, flagsPath+"/on", large, bearer...); a.status != http.StatusOK {
		t.Errorf("a body of 1 MB: %d %s", a.status, a.body)
	}
	small, _ := startOFREP(t, func(c *relay.Config, _ *relay.Options) { c.Limits.FlagsBodyBytes = 1 << 10 })
	if a := small.send(t, http.MethodPost, flagsPath+"/on", large[:2<<10], bearer...); a.status != http.StatusRequestEntityTooLarge || !strings.Contains(a.body, `"key":"on"`) {
		t.Errorf("a body that is too large: %d %s", a.status, a.body)
	}
}

// One flag that fails does not fail the others.
func TestOFREPBulk(t *testing.T) {
	r, _ := startOFREP(t, project(never))
	a := r.send(t, http.MethodPost, flagsPath, adaAlone, bearer...)
	if a.status != http.StatusOK || a.header.Get("ETag") == "" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	var got struct {
		Flags []struct {
			Key, ErrorCode, ErrorDetails string
			Value                        any
		}
		EventStreams []struct {
			Type     string
			Endpoint struct{ RequestURI string }
		}
		Metadata struct{ Revision string }
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	for _, f := range got.Flags {
		values[f.Key] = f.Value
		if f.ErrorCode != "" {
			values[f.Key] = f.ErrorCode + ": " + f.ErrorDetails
		}
	}
	undecided := "GENERAL: not decided from the definitions, for want of person property "
	want := map[string]any{
		"on": true, "off": false, "backend": true, "never": nil, "team": false, "pro": undecided + "plan, and PostHog is not asked",
		"needs-pro": undecided + "plan, and PostHog is not asked", "three": undecided + "score, and PostHog is not asked",
		"exact/3.0 %": undecided + "score, and PostHog is not asked", "big": undecided + "score, and PostHog is not asked",
	}
	if diff := cmp.Diff(values, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if len(got.EventStreams) != 1 || got.EventStreams[0].Type != "sse" ||
		got.EventStreams[0].Endpoint.RequestURI != "/ofrep/v1/events?token="+posthogtest.ProjectToken+"&since="+got.Metadata.Revision {
		t.Errorf("event streams %+v", got.EventStreams)
	}
}

// PostHog is asked once for all that is open, and what it says is merged.
func TestOFREPBulkMerged(t *testing.T) {
	r, up := startOFREP(t)
	up.SetPerson("ada", map[string]any{"plan": "pro", "score": 3})
	before := flagRequests(up)
	a := r.send(t, http.MethodPost, flagsPath, adaAlone, bearer...)
	if by := a.header.Get("X-Hogflags-Answered"); a.status != http.StatusOK || by != "merged" || flagRequests(up) != before+1 {
		t.Fatalf("%d, answered %q, %d requests: %s", a.status, by, flagRequests(up)-before, a.body)
	}
	if strings.Contains(a.body, "errorCode") || !strings.Contains(a.body, `"key":"pro","value":"fast"`) || !strings.Contains(a.body, `"key":"needs-pro","value":true`) {
		t.Errorf("got %s", a.body)
	}
	up.Fail(posthogtest.Failure{Status: http.StatusServiceUnavailable})
	a = r.send(t, http.MethodPost, flagsPath, adaAlone, bearer...)
	if a.status != http.StatusOK || !strings.Contains(a.body, "and PostHog did not answer") || !strings.Contains(a.body, `"key":"on","value":true`) {
		t.Errorf("PostHog is down: %d %s", a.status, a.body)
	}
}

// The validator covers the revision, the whole subject and who asks, and is the
// same on every replica.
func TestOFREPValidator(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(ofrepProject))
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	a, b := start(t, up, sharing(store), project(never)), start(t, up, sharing(store), project(never))
	a.ready(t)
	b.ready(t)
	etag := func(r *running, body string, header ...string) string {
		t.Helper()
		got := r.send(t, http.MethodPost, flagsPath, body, header...)
		if got.status != http.StatusOK || got.header.Get("ETag") == "" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return got.header.Get("ETag")
	}
	first := etag(a, adaIsPro, bearer...)
	for name, same := range map[string]string{
		"another replica":    etag(b, adaIsPro, bearer...),
		"members reordered":  etag(a, `{"context": {"score": 3, "targetingKey": "ada", "plan": "pro"}}`, bearer...),
		"key in X-API-Key":   etag(a, adaIsPro, "X-API-Key", key),
		"irrelevant members": etag(a, `{"more":1,"context":{"targetingKey":"ada","plan":"pro","score":3}}`, bearer...),
	} {
		if same != first {
			t.Errorf("%s: %s, want %s", name, same, first)
		}
	}
	for name, other := range map[string]string{
		"another property": etag(a, `{"context":{"targetingKey":"ada","plan":"pro","score":3,"irrelevant":1}}`, bearer...),
		"3.0 for 3":        etag(a, `{"context":{"targetingKey":"ada","plan":"pro","score":3.0}}`, bearer...),
		"another person":   etag(a, `{"context":{"targetingKey":"bob","plan":"pro","score":3}}`, bearer...),
		"in public":        etag(a, adaIsPro, "Authorization", "Bearer "+posthogtest.ProjectToken),
	} {
		if other == first {
			t.Errorf("%s: the same validator", name)
		}
	}
	conditional := func(path, validator string) answer {
		return a.send(t, http.MethodPost, path, adaIsPro, append([]string{"If-None-Match", validator}, bearer...)...)
	}
	if got := conditional(flagsPath, "W/"+first); got.status != http.StatusNotModified || got.body != "" || got.header.Get("ETag") != first {
		t.Errorf("%d %q %v, want 304", got.status, got.body, got.header)
	}
	if got := conditional(flagsPath+"?flagConfigEtag=%22"+revisionOf(t, a)+"%22", first); got.status != http.StatusOK {
		t.Errorf("%d, want 200: another header may not make it a 304", got.status)
	}
	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	a.await(t, "the flag is off", "/flags/definitions", func(got answer) bool { return strings.Contains(got.body, `"active":false`) && revisionOf(t, a) != "" })
	a.await(t, "there is another validator", "/livez", func(answer) bool { return conditional(flagsPath, first).status == http.StatusOK })
}

func revisionOf(t *testing.T, r *running) string {
	t.Helper()
	var status struct{ Projects []struct{ Revision string } }
	if err := json.Unmarshal([]byte(r.ask(t, http.MethodGet, "/status").body), &status); err != nil {
		t.Fatal(err)
	}
	return status.Projects[0].Revision
}

// Who has only the public token sees what clients may see.
func TestOFREPAccess(t *testing.T) {
	r, _ := startOFREP(t, project(never))
	for name, test := range map[string]struct {
		header  []string
		status  int
		backend bool
	}{
		"relay key":        {bearer, 200, true},
		"X-API-Key":        {[]string{"X-API-Key", key}, 200, true},
		"the public token": {[]string{"Authorization", "Bearer " + posthogtest.ProjectToken}, 200, false},
		"nothing":          {nil, 401, false},
		"another key":      {[]string{"Authorization", "Bearer phs_other"}, 401, false},
	} {
		a := r.send(t, http.MethodPost, flagsPath, adaAlone, test.header...)
		if a.status != test.status || strings.Contains(a.body, `"backend"`) != test.backend {
			t.Errorf("%s: %d, want %d and backend %t: %s", name, a.status, test.status, test.backend, a.body)
		}
	}
	open, _ := startOFREP(t, keyless)
	if a := open.send(t, http.MethodPost, flagsPath+"/backend", adaAlone); a.status != http.StatusOK {
		t.Errorf("a relay without keys: %d %s", a.status, a.body)
	}
}

// A key that several projects have is for that of the hostname, and for none
// without one.
func TestOFREPKeyOfSeveralProjects(t *testing.T) {
	one := posthogtest.New(t)
	one.SetDefinitions([]byte(`{"flags":[{"id":1,"key":"mine","active":true,"filters":{"groups":[{}]}}]}`))
	two := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"flags":[{"id":2,"key":"theirs","active":true,"filters":{"groups":[{}]}}]}`)
	}))
	t.Cleanup(two.Close)
	r := start(t, one, func(c *relay.Config, _ *relay.Options) {
		c.Projects[0].Hostnames = []string{"one.test"}
		second := c.Projects[0]
		second.Name, second.Token, second.Host, second.Hostnames = "second", "phc_two", two.URL, []string{"two.test"}
		c.Projects = append(c.Projects, second)
	})
	r.ready(t)
	for _, test := range []struct {
		host   string
		header []string
		status int
		want   string
	}{
		{"one.test", bearer, 200, `"mine"`},
		{"two.test", bearer, 200, `"theirs"`},
		{"one.test", []string{"X-API-Key", key}, 200, `"mine"`},
		{"one.test", []string{"X-API-Key", "phc_two"}, 200, `"theirs"`}, // a token says which
		{"127.0.0.1", bearer, 401, `hostnames`},
	} {
		a := r.send(t, http.MethodPost, flagsPath, adaAlone, append([]string{"Host", test.host}, test.header...)...)
		if a.status != test.status || !strings.Contains(a.body, test.want) {
			t.Errorf("%s with %s: %d %s, want %d with %s", test.host, test.header, a.status, a.body, test.status, test.want)
		}
	}
}

func TestOFREPPreflight(t *testing.T) {
	r, _ := startOFREP(t)
	a := r.ask(t, http.MethodOptions, flagsPath, "Origin", "https://app.example.com",
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization, if-none-match, content-type")
	h := a.header
	if a.status != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != "https://app.example.com" ||
		h.Get("Access-Control-Allow-Headers") != "authorization, if-none-match, content-type" || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("%d %v", a.status, h)
	}
	a = r.send(t, http.MethodPost, flagsPath, adaAlone, append([]string{"Origin", "https://app.example.com"}, bearer...)...)
	if !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("a page cannot read the ETag: %v", a.header)
	}
}

func TestOFREPConfiguration(t *testing.T) {
	r, _ := startOFREP(t)
	a := r.ask(t, http.MethodGet, "/ofrep/v1/configuration")
	if a.status != http.StatusOK || decoded(t, a.body)["name"] != "hogflags" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.ask(t, http.MethodGet, "/ofrep/v1/configuration", "If-None-Match", a.header.Get("ETag")); a.status != http.StatusNotModified {
		t.Errorf("%d, want 304", a.status)
	}
}

// A flag that the feed leaves out, as those of surveys, PostHog may have.
func TestOFREPBeyondTheFeed(t *testing.T) {
	r, up := startOFREP(t, project(func(p *relay.Project) { p.Remote = relay.RemoteAlways }))
	before := flagRequests(up)
	a := r.send(t, http.MethodPost, flagsPath+"/survey-targeting-1", adaAlone, bearer...)
	if a.status != http.StatusNotFound || flagRequests(up) != before+1 {
		t.Errorf("%d, %d requests: %s", a.status, flagRequests(up)-before, a.body)
	}
	a = r.send(t, http.MethodPost, flagsPath+"/on", adaAlone, bearer...)
	if a.status != http.StatusOK || !strings.Contains(a.body, `"local":false`) {
		t.Errorf("always PostHog's: %d %s", a.status, a.body)
	}
}

// flagRequests counts the requests for flags that PostHog has seen.
func flagRequests(up *posthogtest.Server) int {
	n := 0
	for _, req := range up.Requests() {
		if strings.TrimSuffix(req.Path, "/") == "/flags" {
			n++
		}
	}
	return n
}
