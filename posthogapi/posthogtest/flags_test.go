package posthogtest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const project = `{
 "flags": [
  {"id": 1, "key": "beta", "active": true, "version": 3, "has_experiment": true, "filters": {
    "groups": [{"rollout_percentage": 100, "variant": "fast", "properties": [
      {"key": "n", "type": "person", "operator": "exact", "value": 1.0}]}],
    "multivariate": {"variants": [{"key": "fast", "rollout_percentage": 100}]},
    "payloads": {"fast": "{\"a\":1}"}}},
  {"id": 2, "key": "company", "active": true, "filters": {"aggregation_group_type_index": 0,
    "groups": [{"rollout_percentage": 100, "properties": [
      {"key": "size", "type": "group", "group_type_index": 0, "operator": "gt", "value": 5}]}]}},
  {"id": 3, "key": "inactive", "active": false, "filters": {"groups": [{"rollout_percentage": 100}]}},
  {"id": 4, "key": "phone", "active": true, "evaluation_runtime": "client", "filters": {"groups": [{"rollout_percentage": 100}]}},
  {"id": 5, "key": "static", "active": true, "filters": {"groups": [{"rollout_percentage": 100, "properties": [
      {"key": "id", "type": "cohort", "operator": "in", "value": 7}]}]}}
 ],
 "group_type_mapping": {"0": "company"}, "cohorts": {}, "minimal_flag_called_events": true
}`

// flagsAnswer sends POST /flags and decodes the answer, without what differs
// from one request to the next.
func flagsAnswer(t *testing.T, srv *posthogtest.Server, target, body string, headers ...string) (answer, map[string]any) {
	t.Helper()
	got, _ := ask(t, srv, "POST", target, body, headers...)
	var decoded map[string]any
	_ = json.Unmarshal([]byte(got.Body), &decoded)
	return got, decoded
}

func flag(key string, enabled bool, variant any, code string, index any, description string, id float64) map[string]any {
	return map[string]any{
		"key": key, "enabled": enabled, "variant": variant,
		"reason": map[string]any{"code": code, "condition_index": index, "description": description},
		"metadata": map[string]any{
			"id": id, "version": 0.0, "description": nil, "payload": nil, "has_experiment": false,
		},
	}
}

func TestFlags(t *testing.T) {
	srv := posthogtest.New(t)
	srv.SetDefinitions([]byte(project))
	const id = "0199d0a1-0000-7000-8000-0123456789ab"
	before := time.Now().UnixMilli()
	status, got := flagsAnswer(t, srv, "/flags?v=2", `{
		"token": "phc_posthogtest", "distinct_id": "u", "person_properties": {"n": 1.0},
		"groups": {"company": "acme"}, "group_properties": {"company": {"size": 10}}
	}`, "X-Request-Id", id)
	if status.Status != 200 || status.ContentType != "application/json" {
		t.Fatalf("got %+v", status)
	}
	if at, _ := got["evaluatedAt"].(float64); int64(at) < before || int64(at) > time.Now().UnixMilli() {
		t.Errorf("evaluatedAt %v, want now in milliseconds", got["evaluatedAt"])
	}
	delete(got, "evaluatedAt")

	beta := flag("beta", true, "fast", "condition_match", 0.0, "Matched condition set 1", 1)
	metadata, _ := beta["metadata"].(map[string]any)
	metadata["version"], metadata["payload"], metadata["has_experiment"] = 3.0, `{"a":1}`, true
	static := flag("static", false, nil, "", nil, "", 5)
	static["failed"] = true
	want := map[string]any{
		"errorsWhileComputingFlags": true,
		"flags": map[string]any{
			"beta":    beta,
			"company": flag("company", true, nil, "condition_match", 0.0, "Matched condition set 1", 2),
			"static":  static,
		},
		"requestId":               id,
		"minimalFlagCalledEvents": true,
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func TestFlagsRequests(t *testing.T) {
	srv := posthogtest.New(t)
	srv.SetDefinitions([]byte(project))
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(`{"api_key":"phc_posthogtest","distinct_id":7,"flag_keys_to_evaluate":["company"]}`))
	_ = z.Close()
	tests := []struct {
		name, target, body string
		headers            []string
		want               map[string]bool // flags answered, and whether they are on
	}{
		{"a number counts as written", "/flags/?v=2", `{"token":"phc_posthogtest","distinct_id":"u","person_properties":{"n":1},"flag_keys":["beta"]}`, nil, map[string]bool{"beta": false}},
		{"without a group", "/flags", `{"token":"phc_posthogtest","distinct_id":"u","flag_keys":["company","no such flag"]}`, nil, map[string]bool{"company": false}},
		{"what is not given is not there", "/flags?v=2", `{"token":"phc_posthogtest","distinct_id":"u","groups":{"company":"acme"},"flag_keys":["company","beta"]}`, nil, map[string]bool{"company": false, "beta": false}},
		{"gzip", "/flags?v=2", zipped.String(), []string{"Content-Encoding", "gzip"}, map[string]bool{"company": false}},
		{"gzip, named in the query", "/flags?v=2&compression=gzip", zipped.String(), nil, map[string]bool{"company": false}},
		{"base64 in a form", "/flags?v=2&compression=base64", "data=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(`{"token":"phc_posthogtest","distinct_id":"u","flag_keys":["company"]}`))), []string{"Content-Type", "application/x-www-form-urlencoded"}, map[string]bool{"company": false}},
		{"client runtime", "/flags?v=2", `{"token":"phc_posthogtest","distinct_id":"u","evaluation_runtime":"client","flag_keys":["phone","beta"]}`, nil, map[string]bool{"phone": true, "beta": false}},
		{"unknown runtime", "/flags?v=2", `{"token":"phc_posthogtest","distinct_id":"u","evaluation_runtime":"all","flag_keys":["phone","beta"]}`, nil, map[string]bool{"beta": false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, got := flagsAnswer(t, srv, tt.target, tt.body, tt.headers...)
			flags, _ := got["flags"].(map[string]any)
			on := map[string]bool{}
			for key, f := range flags {
				f, _ := f.(map[string]any)
				on[key], _ = f["enabled"].(bool)
			}
			if diff := cmp.Diff(on, tt.want); diff != "" || got["errorsWhileComputingFlags"] != false {
				t.Errorf("%+v (-got +want):\n%s", status, diff)
			}
			if id, _ := got["requestId"].(string); len(id) != 36 {
				t.Errorf("request id %q, want a UUID", id)
			}
		})
	}
}

func TestFlagsErrors(t *testing.T) {
	srv := posthogtest.New(t)
	tests := []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{"no token", "POST", "/flags?v=2", `{"distinct_id":"u"}`, 401, "No API token provided"},
		{"unknown token", "POST", "/flags?v=2", `{"token":"phc_other","distinct_id":"u"}`, 401, "invalid or has expired"},
		{"no distinct id", "POST", "/flags?v=2", `{"token":"phc_posthogtest"}`, 400, "The distinct_id field is missing"},
		{"no JSON", "POST", "/flags?v=2", `flags`, 400, "Failed to decode request"},
		{"no gzip", "POST", "/flags?v=2&compression=gzip", `{}`, 400, "Failed to decode request"},
		{"too large", "POST", "/flags?v=2", strings.Repeat(" ", 3<<20), 400, "exceeds"},
		{"another version", "POST", "/flags?v=1", `{}`, 400, "version 2 of /flags only"},
		{"another method", "PUT", "/flags", ``, 405, ""},
		{"head", "HEAD", "/flags", ``, 200, ""},
		{"options", "OPTIONS", "/flags", ``, 204, ""},
		{"get", "GET", "/flags", ``, 200, `"flags":{}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := ask(t, srv, tt.method, tt.target, tt.body)
			if got.Status != tt.status || !strings.Contains(got.Body, tt.want) {
				t.Errorf("got %d %q, want %d with %q", got.Status, got.Body, tt.status, tt.want)
			}
			if wants := got.Status == 405 || got.Status == 204; wants != (got.Allow == "GET, POST, OPTIONS, HEAD") {
				t.Errorf("allow: %q", got.Allow)
			}
		})
	}
	srv.SetDefinitions([]byte("garbage"))
	got, _ := ask(t, srv, "POST", "/flags?v=2", `{"token":"phc_posthogtest","distinct_id":"u"}`)
	if got.Status != 500 || !strings.HasPrefix(got.Body, "Failed to parse flag configuration data") {
		t.Errorf("with unusable definitions: got %+v, want 500", got)
	}
}
