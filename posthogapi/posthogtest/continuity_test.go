package posthogtest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// A person keeps the flags that they had before they were identified, if those
// have experience continuity. "alone" and "anon" lie on different sides of 50 %.
func TestContinuity(t *testing.T) {
	srv := posthogtest.New(t)
	srv.SetDefinitions([]byte(`{"flags":[
	  {"id":1,"key":"tour","active":true,"ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":50}]}},
	  {"id":2,"key":"menu","active":true,"filters":{"groups":[{"rollout_percentage":50,"properties":[{"key":"plan","type":"person","operator":"exact","value":"pro"}]}]}}
	],"group_type_mapping":{},"cohorts":{}}`))
	on := func(body string) bool {
		_, got := flagsAnswer(t, srv, "/flags?v=2", `{"token":"phc_posthogtest",`+body+`}`)
		flags, _ := got["flags"].(map[string]any)
		tour, _ := flags["tour"].(map[string]any)
		if tour["failed"] == true {
			t.Errorf("%s: %v", body, tour)
		}
		enabled, _ := tour["enabled"].(bool)
		return enabled
	}
	anonymous, alone := on(`"distinct_id":"anon"`), on(`"distinct_id":"alone"`)
	if anonymous == alone {
		t.Fatalf("anon and alone: both %v, so this test shows nothing", alone)
	}
	got := []bool{
		on(`"distinct_id":"alone","$anon_distinct_id":"anon"`),
		on(`"distinct_id":"alone"`),
		on(`"distinct_id":"alone","$anon_distinct_id":"alone"`), // the first one stays
	}
	if diff := cmp.Diff(got, []bool{anonymous, anonymous, anonymous}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// PostHog answers for the flags of surveys, and leaves them out of definitions.
func TestUnlistedFlags(t *testing.T) {
	srv := posthogtest.New(t)
	srv.SetDefinitions([]byte(twoFlags))
	_, before := ask(t, srv, "GET", definitions, "", "Authorization", bearer)
	srv.AddUnlistedFlag([]byte(`{"id":9,"key":"survey-targeting-1","active":true,"filters":{"groups":[{"rollout_percentage":100}]}}`))
	if err := srv.SetActive("b", false); err != nil {
		t.Fatal(err)
	}
	if err := srv.SetActive("b", true); err != nil {
		t.Fatal(err)
	}
	_, got := flagsAnswer(t, srv, "/flags?v=2", `{"token":"phc_posthogtest","distinct_id":"u"}`)
	flags, _ := got["flags"].(map[string]any)
	if flags["survey-targeting-1"] == nil || flags["a"] == nil || len(flags) != 3 {
		t.Errorf("flags: %v", flags)
	}
	listed, _ := ask(t, srv, "GET", definitions, "", "Authorization", bearer)
	if diff := cmp.Diff(listed.Body, string(srv.Definitions())); diff != "" || before == nil {
		t.Errorf("definitions (-got +want):\n%s", diff)
	}
}

func TestEvents(t *testing.T) {
	srv := posthogtest.New(t)
	for _, path := range []string{"/batch/", "/capture", "/e/", "/i/v0/e/"} {
		got, header := ask(t, srv, "POST", path, `{"event":"bought"}`, "Origin", "https://shop.example")
		if got.Status != 200 || header.Get("Access-Control-Allow-Origin") != "https://shop.example" {
			t.Errorf("%s: %+v %v", path, got, header)
		}
	}
	requests := srv.Requests()
	if got, header := ask(t, srv, "OPTIONS", "/e/", "", "Origin", "https://shop.example", "Access-Control-Request-Headers", "content-type"); got.Status != 204 || header.Get("Access-Control-Allow-Headers") != "content-type" {
		t.Errorf("OPTIONS: %+v %v", got, header)
	}
	if len(requests) != 4 || string(requests[3].Body) != `{"event":"bought"}` {
		t.Errorf("requests: %+v", requests)
	}
}
