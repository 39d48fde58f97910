package hogflags_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// What PostHog's harness for its SDKs checks of feature flags, each check as a test
// of the same name. The harness leaves geoip_disable to the SDK's adapter, which
// turns GeoIP on; so does TestContract.
func TestContract(t *testing.T) {
	type fields map[string]any
	contract := func(name string, run func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client)) {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			run(t, srv, newClient(t, srv, func(cfg *hogflags.Config) { remoteOnly(cfg); cfg.GeoIP = true }))
		})
	}
	get := func(t *testing.T, c *hogflags.Client, key string, s hogflags.Subject, opts ...hogflags.EvaluateOption) any {
		t.Helper()
		v, _ := c.GetFeatureFlag(t.Context(), key, s, opts...)
		return v
	}
	body := func(t *testing.T, srv *posthogtest.Server) map[string]any {
		t.Helper()
		got := flagsRequests(t, srv)
		if len(got) != 1 {
			t.Fatalf("%d requests, want 1", len(got))
		}
		return got[0]
	}
	has := func(t *testing.T, srv *posthogtest.Server, want fields) {
		t.Helper()
		got := body(t, srv)
		for field, value := range want {
			if diff := cmp.Diff(got[field], value); diff != "" {
				t.Errorf("%s (-got +want):\n%s", field, diff)
			}
		}
	}
	user := hogflags.Subject{DistinctID: "user_1"}

	contract("request_with_person_properties_device_id", func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
		get(t, c, "signup-aa-test", hogflags.Subject{
			DistinctID: "test_user_123", PersonProperties: map[string]any{"$device_id": "device_abc_123"},
			Groups: map[string]any{}, GroupProperties: map[string]map[string]any{},
		}, hogflags.GeoIP(false))
		has(t, srv, fields{
			"token": "phc_posthogtest", "distinct_id": "test_user_123", "person_properties": map[string]any{"$device_id": "device_abc_123"},
			"groups": map[string]any{}, "group_properties": map[string]any{}, "geoip_disable": true, "flag_keys_to_evaluate": []any{"signup-aa-test"},
		})
	})
	contract("flags_request_uses_v2_query_param", func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
		get(t, c, "any-flag", user)
		body(t, srv)
		if v := srv.Requests()[0].Query.Get("v"); v != "2" {
			t.Errorf("v=%s", v)
		}
	})
	contract("flags_request_hits_flags_path_not_decide", func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
		get(t, c, "any-flag", user)
		if log := srv.Requests(); len(log) != 1 || log[0].Path != "/flags/" || log[0].Method != "POST" {
			t.Errorf("got %+v", log)
		}
	})
	contract("flags_request_omits_authorization_header", func(t *testing.T, srv *posthogtest.Server, _ *hogflags.Client) {
		c := readyWith(t, srv, asking) // with a key
		get(t, c, "any-flag", user)
		body(t, srv)
		if log := srv.Requests(); log[len(log)-1].Authorized {
			t.Error("the request has an Authorization header")
		}
	})
	contract("token_in_flags_body_matches_init", func(t *testing.T, srv *posthogtest.Server, _ *hogflags.Client) {
		c := newClient(t, srv, func(cfg *hogflags.Config) { remoteOnly(cfg); cfg.ProjectToken = "phc_specific_key_12345" })
		get(t, c, "any-flag", user)
		has(t, srv, fields{"token": "phc_specific_key_12345"})
	})
	contract("groups_round_trip", func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
		get(t, c, "any-flag", hogflags.Subject{
			DistinctID: "user_1", Groups: map[string]any{"company": "acme"},
			GroupProperties: map[string]map[string]any{"company": {"plan": "enterprise"}},
		})
		has(t, srv, fields{"groups": map[string]any{"company": "acme"}, "group_properties": map[string]any{"company": map[string]any{"plan": "enterprise"}}})
	})
	contract("groups_default_to_empty_object", func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
		get(t, c, "any-flag", user)
		has(t, srv, fields{"groups": map[string]any{}, "group_properties": map[string]any{}})
	})
	contract("disable_geoip_false_propagates_as_geoip_disable_false", func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
		get(t, c, "any-flag", user, hogflags.GeoIP(true))
		has(t, srv, fields{"geoip_disable": false})
	})
	contract("disable_geoip_omitted_defaults_to_false", func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
		get(t, c, "any-flag", user)
		has(t, srv, fields{"geoip_disable": false})
	})
	contract("flag_keys_to_evaluate_contains_only_requested_key", func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
		get(t, c, "my-specific-flag", user)
		has(t, srv, fields{"flag_keys_to_evaluate": []any{"my-specific-flag"}})
	})
	contract("no_flags_request_on_init_alone", func(t *testing.T, srv *posthogtest.Server, _ *hogflags.Client) {
		if n := len(srv.Requests()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
	contract("no_flags_request_on_normal_capture", func(t *testing.T, srv *posthogtest.Server, _ *hogflags.Client) {
		to := new(recorder)
		c := newClient(t, srv, func(cfg *hogflags.Config) { remoteOnly(cfg); cfg.Events = to })
		if err := c.Capture(t.Context(), events.Event{Name: "regular_event", DistinctID: "user_1"}); err != nil {
			t.Error(err)
		}
		if n := len(srv.Requests()); n != 0 || len(to.take()) != 1 {
			t.Errorf("%d requests", n)
		}
	})
	contract("two_flag_calls_produce_two_remote_requests", func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
		get(t, c, "any-flag", user)
		get(t, c, "any-flag", user)
		if n := len(flagsRequests(t, srv)); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
	contract("mock_response_value_is_returned_to_caller", func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
		srv.Fail(posthogtest.Failure{Body: `{"featureFlags": {"signup-aa-test": "variant-a"}}`})
		if v := get(t, c, "signup-aa-test", user); v != "variant-a" {
			t.Errorf("got %v", v)
		}
	})
	for name, status := range map[string]int{"retries_flags_on_502": 502, "retries_flags_on_504": 504} {
		contract(name, func(t *testing.T, srv *posthogtest.Server, c *hogflags.Client) {
			srv.Fail(posthogtest.Failure{Status: status, Times: 1})
			if v := get(t, c, "on", user); v != true {
				t.Errorf("got %v", v)
			}
			if n := len(flagsRequests(t, srv)); n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
		})
	}
	// get_feature_flag_captures_feature_flag_called_event is in events_test.go.
}
