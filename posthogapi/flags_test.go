package posthogapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const flagsDocument = `{"flags":[
 {"id":12,"key":"beta","version":3,"active":true,"has_experiment":true,"filters":{
  "groups":[{"variant":"fast","properties":[{"key":"plan","type":"person","operator":"exact","value":"pro"}]}],
  "multivariate":{"variants":[{"key":"fast","rollout_percentage":100}]},"payloads":{"fast":"{\"a\":1}"}}},
 {"id":13,"key":"static","active":true,"filters":{"groups":[{"properties":[{"key":"id","type":"cohort","operator":"in","value":7}]}]}},
 {"id":14,"key":"config","active":true,"filters":{"groups":[{}],"payloads":{"true":"{\"limit\":5}"}}},
 {"id":15,"key":"on","active":true,"filters":{"groups":[{}]}}
],"group_type_mapping":{},"cohorts":{},"minimal_flag_called_events":true}`

// flagsClient is a client without a secret key.
func flagsClient(t *testing.T, srv *posthogtest.Server) *posthogapi.Client {
	t.Helper()
	srv.SetDefinitions([]byte(flagsDocument))
	c, err := posthogapi.New(posthogapi.Config{Host: srv.URL, ProjectToken: posthogtest.ProjectToken, HTTPClient: srv.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFlags(t *testing.T) {
	srv := posthogtest.New(t)
	c := flagsClient(t, srv)
	srv.SetPerson("ada", map[string]any{"plan": "pro"})
	before := time.Now().Truncate(time.Millisecond)
	got, err := c.Flags(t.Context(), posthogapi.FlagsRequest{DistinctID: "ada", Keys: []string{"beta", "static", "unknown"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.RequestID) != 36 || got.EvaluatedAt.Before(before) {
		t.Errorf("request id %q, evaluated at %v; want both", got.RequestID, got.EvaluatedAt)
	}
	got.RequestID, got.EvaluatedAt = "", time.Time{}
	yes, no := true, false
	want := posthogapi.Flags{
		Errors:                  true,
		MinimalFlagCalledEvents: true,
		Flags: map[string]posthogapi.Flag{
			"beta": {
				Key: "beta", Enabled: true, Variant: "fast", ID: 12, Version: 3, HasExperiment: &yes,
				Reason: "condition_match", Description: "Matched condition set 1", Payload: json.RawMessage(`"{\"a\":1}"`),
			},
			"static": {Key: "static", Failed: true, ConditionIndex: -1, ID: 13, HasExperiment: &no},
		},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// What is sent, and by default, is a contract with PostHog.
func TestFlagsRequestFields(t *testing.T) {
	srv := posthogtest.New(t)
	c := flagsClient(t, srv)
	full := posthogapi.FlagsRequest{
		DistinctID: "ada", DeviceID: "d", AnonDistinctID: "anon",
		Groups:           map[string]any{"company": "acme", "team": 7},
		PersonProperties: map[string]any{"plan": "pro", "$device_id": "d"},
		GroupProperties:  map[string]map[string]any{"company": {"plan": "enterprise"}},
		Keys:             []string{"beta"}, Contexts: []string{"checkout"}, Runtime: posthogapi.RuntimeServer, DisableGeoIP: true,
	}
	for name, tt := range map[string]struct {
		req  posthogapi.FlagsRequest
		want string
	}{
		"all of it": {full, `{"token":"phc_posthogtest","distinct_id":"ada","device_id":"d","$anon_distinct_id":"anon",
			"groups":{"company":"acme","team":7},"person_properties":{"plan":"pro","$device_id":"d"},"group_properties":{"company":{"plan":"enterprise"}},
			"flag_keys_to_evaluate":["beta"],"evaluation_contexts":["checkout"],"evaluation_runtime":"server","geoip_disable":true}`},
		"defaults": {posthogapi.FlagsRequest{DistinctID: "ada"}, `{"token":"phc_posthogtest","distinct_id":"ada",
			"groups":{},"person_properties":{},"group_properties":{},"geoip_disable":false}`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Flags(t.Context(), tt.req); err != nil {
				t.Fatal(err)
			}
			log := srv.Requests()
			r := log[len(log)-1]
			if r.Method != "POST" || r.Path != "/flags/" || r.Query.Encode() != "v=2" || r.Authorized || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s?%s, authorized %v, %v; want POST /flags/?v=2 with JSON and no Authorization", r.Method, r.Path, r.Query.Encode(), r.Authorized, r.Header)
			}
			var got, want any
			if err := errors.Join(json.Unmarshal(r.Body, &got), json.Unmarshal([]byte(tt.want), &want)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
	if got, want := len(srv.Requests()), 2; got != want {
		t.Errorf("%d requests, want %d", got, want)
	}
}

func TestFlagsRetries(t *testing.T) {
	tests := []struct {
		name     string
		failure  posthogtest.Failure
		requests int
		kind     posthogapi.Kind
		fails    bool
	}{
		{"502 once", posthogtest.Failure{Status: 502, Times: 1}, 2, 0, false},
		{"504 once", posthogtest.Failure{Status: 504, Times: 1}, 2, 0, false},
		{"cut once", posthogtest.Failure{Cut: true, Times: 1}, 2, 0, false},
		{"truncated once", posthogtest.Failure{Truncate: true, Times: 1}, 2, 0, false},
		{"502 for long", posthogtest.Failure{Status: 502}, 2, posthogapi.Unavailable, true},
		{"400", posthogtest.Failure{Status: 400}, 1, posthogapi.Rejected, true},
		{"401", posthogtest.Failure{Status: 401}, 1, posthogapi.Unauthorized, true},
		{"402", posthogtest.Failure{Status: 402}, 1, posthogapi.QuotaLimited, true},
		{"404", posthogtest.Failure{Status: 404}, 1, posthogapi.NotPostHog, true},
		{"429", posthogtest.Failure{Status: 429, RetryAfter: "7"}, 1, posthogapi.RateLimited, true},
		{"500", posthogtest.Failure{Status: 500}, 1, posthogapi.Unavailable, true},
		{"503", posthogtest.Failure{Status: 503}, 1, posthogapi.Unavailable, true},
		{"a login page", posthogtest.Failure{Body: "<html>", ContentType: "text/html"}, 1, posthogapi.NotPostHog, true},
		{"another document", posthogtest.Failure{Body: `{"status":"ok"}`}, 1, posthogapi.NotPostHog, true},
		{"a list", posthogtest.Failure{Body: `[]`}, 1, posthogapi.NotPostHog, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := posthogtest.New(t)
			c := flagsClient(t, srv)
			srv.Fail(tt.failure)
			got, err := c.Flags(t.Context(), posthogapi.FlagsRequest{DistinctID: "ada"})
			if n := len(srv.Requests()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
			if !tt.fails {
				if err != nil || len(got.Flags) != 4 {
					t.Errorf("got %v, %v; want the flags", got, err)
				}
				return
			}
			if err == nil || posthogapi.KindOf(err) != tt.kind || strings.Contains(err.Error(), posthogtest.ProjectToken) {
				t.Errorf("got %v, want kind %v", err, tt.kind)
			}
			if got := posthogapi.RetryAfter(err); (got == 7*time.Second) != (tt.failure.RetryAfter != "") {
				t.Errorf("retry after %v", got)
			}
		})
	}
}

// A closed port is not a connection that broke: nobody listens.
func TestFlagsWithoutServer(t *testing.T) {
	asked := 0
	transport := &http.Transport{}
	counting := roundTripper(func(r *http.Request) (*http.Response, error) { asked++; return transport.RoundTrip(r) })
	c := newClient(t, posthogapi.Config{Host: "http://127.0.0.1:1", HTTPClient: &http.Client{Transport: counting}})
	if _, err := c.Flags(t.Context(), posthogapi.FlagsRequest{}); err == nil || asked != 1 {
		t.Errorf("got %v after %d requests, want an error after one", err, asked)
	}
}

func TestFlagsTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := posthogtest.NewInMemory(t)
		srv.Fail(posthogtest.Failure{Delay: time.Hour})
		c, err := posthogapi.New(posthogapi.Config{Host: srv.URL, ProjectToken: posthogtest.ProjectToken, HTTPClient: srv.Client(), Timeout: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = c.Flags(t.Context(), posthogapi.FlagsRequest{})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 2s") || time.Since(start) != 2*time.Second {
			t.Errorf("got %v after %v, want the client's limit of 2 s", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start = time.Now()
		_, err = c.Flags(ctx, posthogapi.FlagsRequest{})
		if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "within") || time.Since(start) != 50*time.Millisecond {
			t.Errorf("got %v after %v, want the caller's limit of 50 ms", err, time.Since(start))
		}
		if n := len(srv.Requests()); n != 2 {
			t.Errorf("%d requests, want 2: a timeout is not retried", n)
		}
		srv.Close()
	})
}

// A POST that is redirected as a GET would be answered with a document that
// has no flags.
func TestFlagsRedirects(t *testing.T) {
	for status, wantPosts := range map[int]int{301: 1, 302: 1, 303: 1, 307: 2, 308: 2} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			posts := 0
			srv := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					posts++
				}
				if r.URL.Path == "/flags/" {
					http.Redirect(w, r, "/moved", status)
					return
				}
				_, _ = fmt.Fprint(w, `{"flags":{}}`)
			})
			_, err := newClient(t, posthogapi.Config{Host: srv.URL}).Flags(t.Context(), posthogapi.FlagsRequest{})
			if (err == nil) != (wantPosts == 2) || posts != wantPosts {
				t.Errorf("got %v after %d POSTs, want %d", err, posts, wantPosts)
			}
			if err != nil && !strings.Contains(err.Error(), "would arrive as a GET") {
				t.Errorf("got %v, want it to name the redirect", err)
			}
		})
	}
}

func TestFlagsAnswers(t *testing.T) {
	payload := json.RawMessage(`"{}"`)
	yes := true
	tests := []struct {
		name, body string
		want       posthogapi.Flags
	}{
		{"version 1", `{"featureFlags":{"a":true,"b":"x","c":false,"d":7},"featureFlagPayloads":{"a":"{}","c":null}}`, posthogapi.Flags{Errors: true, Flags: map[string]posthogapi.Flag{
			"a": {Key: "a", Enabled: true, ConditionIndex: -1, Payload: payload},
			"b": {Key: "b", Enabled: true, Variant: "x", ConditionIndex: -1},
			"c": {Key: "c", ConditionIndex: -1},
			"d": {Key: "d", ConditionIndex: -1, Failed: true},
		}}},
		{"a list", `{"featureFlags":["a"]}`, posthogapi.Flags{Flags: map[string]posthogapi.Flag{"a": {Key: "a", Enabled: true, ConditionIndex: -1}}}},
		{"over the quota", `{"flags":{},"errorsWhileComputingFlags":false,"quotaLimited":["feature_flags"]}`, posthogapi.Flags{QuotaLimited: true, Flags: map[string]posthogapi.Flag{}}},
		{"over the quota, without flags", `{"quota_limited":["recordings","feature_flags"]}`, posthogapi.Flags{QuotaLimited: true, Flags: map[string]posthogapi.Flag{}}},
		{"over another quota", `{"flags":{},"quotaLimited":["recordings"]}`, posthogapi.Flags{Flags: map[string]posthogapi.Flag{}}},
		{"unknown members", `{"flags":{"a":{"enabled":true,"new":[1]}},"sessionRecording":false}`, posthogapi.Flags{Flags: map[string]posthogapi.Flag{"a": {Key: "a", Enabled: true, ConditionIndex: -1}}}},
		{"one that cannot be read", `{"flags":{"a":{"enabled":"yes"},"b":{"enabled":true,"metadata":{"has_experiment":true}},"c":{},"d":null,"e":{"enabled":true,"variant":7}}}`,
			posthogapi.Flags{Errors: true, Flags: map[string]posthogapi.Flag{
				"a": {Key: "a", ConditionIndex: -1, Failed: true},
				"b": {Key: "b", Enabled: true, ConditionIndex: -1, HasExperiment: &yes},
				"c": {Key: "c", ConditionIndex: -1, Failed: true},
				"d": {Key: "d", ConditionIndex: -1, Failed: true},
				"e": {Key: "e", ConditionIndex: -1, Failed: true},
			}}},
		{"failed but called on", `{"flags":{"a":{"enabled":true,"variant":"x","failed":true,"reason":{"code":"timeout","description":"Timed out"}}}}`,
			posthogapi.Flags{Errors: true, Flags: map[string]posthogapi.Flag{"a": {Key: "a", Failed: true, Reason: "timeout", Description: "Timed out", ConditionIndex: -1}}}},
		{"odd metadata", `{"flags":{},"requestId":7,"evaluatedAt":"now","errorsWhileComputingFlags":true}`, posthogapi.Flags{Errors: true, Flags: map[string]posthogapi.Flag{}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := posthogapi.ParseFlags([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

func FuzzParseFlags(f *testing.F) {
	for _, seed := range []string{`{}`, `{"flags":{"a":{"enabled":true}}}`, `{"featureFlags":{"a":"x"}}`, `{"featureFlags":["a"]}`, `{"quotaLimited":["feature_flags"]}`, `null`, `{"flags":7,"evaluatedAt":1e300}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := posthogapi.ParseFlags(body)
		if err != nil {
			return
		}
		for key, flag := range got.Flags {
			if flag.Key != key || flag.Failed && (flag.Enabled || flag.Variant != "" || flag.Payload != nil) || flag.Failed && !got.Errors || flag.Variant != "" && !flag.Enabled {
				t.Errorf("%q: %+v, which contradicts itself", key, flag)
			}
		}
	})
}

// panics is a property whose encoding panics.
type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no JSON of me") }

func TestPropertyThatCannotBeSent(t *testing.T) {
	srv := posthogtest.New(t)
	c := flagsClient(t, srv)
	for _, property := range []any{func() {}, math.NaN(), panics{}} {
		_, err := c.Flags(t.Context(), posthogapi.FlagsRequest{PersonProperties: map[string]any{"p": property}})
		if !errors.Is(err, posthogapi.ErrUnsendable) || len(srv.Requests()) != 0 {
			t.Errorf("%T: got %v after %d requests, want ErrUnsendable before any", property, err, len(srv.Requests()))
		}
	}
}

func TestRemoteConfig(t *testing.T) {
	srv := posthogtest.New(t)
	srv.SetDefinitions([]byte(flagsDocument))
	keyed := newClient(t, posthogapi.Config{Host: srv.URL, HTTPClient: srv.Client()})
	if got, err := keyed.RemoteConfig(t.Context(), "config"); err != nil || string(got) != `"{\"limit\":5}"` {
		t.Errorf("got %s, %v; want the payload as stored", got, err)
	}
	if got, err := keyed.RemoteConfig(t.Context(), "on"); err != nil || got != nil {
		t.Errorf("without a payload: got %s, %v; want nil", got, err)
	}
	_, err := keyed.RemoteConfig(t.Context(), "no such/flag")
	if se, ok := errors.AsType[*posthogapi.StatusError](err); !ok || se.StatusCode != 404 || !se.PostHog || se.Kind != posthogapi.Rejected {
		t.Errorf("unknown flag: got %v, want PostHog's 404", err)
	}
	if _, err := keyed.RemoteConfig(t.Context(), ".."); err == nil || len(srv.Requests()) != 3 {
		t.Errorf("..: got %v after %d requests, want an error without one", err, len(srv.Requests()))
	}
	if _, err := flagsClient(t, srv).RemoteConfig(t.Context(), "config"); !errors.Is(err, posthogapi.ErrNoKey) {
		t.Errorf("without a key: got %v, want ErrNoKey", err)
	}
	if _, err := flagsClient(t, srv).Definitions(t.Context(), ""); !errors.Is(err, posthogapi.ErrNoKey) {
		t.Errorf("definitions without a key: got %v, want ErrNoKey", err)
	}
	for _, r := range srv.Requests() {
		if !r.Authorized {
			t.Errorf("%s was asked without Authorization", r.Path)
		}
	}
	srv.Fail(posthogtest.Failure{Body: "<html>"})
	if _, err := keyed.RemoteConfig(t.Context(), "config"); posthogapi.KindOf(err) != posthogapi.NotPostHog {
		t.Errorf("login page: got %v, want NotPostHog", err)
	}
}
