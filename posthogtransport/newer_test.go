//go:build posthog_go_1_23

package posthogtransport_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/posthogtransport"
)

// EvaluateFlags names the flags that it is for, so that those which cannot be
// decided here do not matter unless they are named; its events say the reason, the
// id and the version.
func TestEvaluateFlags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		cfg := config(srv)
		cfg.PersonalApiKey, cfg.SecretKey = "", "phs_anything"
		if err := posthogtransport.ConfigureEvaluation(&cfg, newClient(t, srv, nil)); err != nil {
			t.Fatal(err)
		}
		c := start(t, cfg)
		e, err := c.EvaluateFlags(posthog.EvaluateFlagsPayload{DistinctId: "ada", FlagKeys: []string{"on", "half"}})
		if err != nil || e.GetFlag("on") != true || srv.asked("/flags") != 0 {
			t.Errorf("named flags: on %v, %v, asked PostHog %d times", e.GetFlag("on"), err, srv.asked("/flags"))
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		events := srv.takeEvents()
		if len(events) != 1 {
			t.Fatalf("events: %v", events)
		}
		properties, _ := events[0]["properties"].(map[string]any)
		got := map[string]any{}
		for _, name := range []string{"$feature_flag", "$feature_flag_response", "$feature_flag_id", "$feature_flag_version", "$feature_flag_reason"} {
			got[name] = properties[name]
		}
		want := map[string]any{
			"$feature_flag": "on", "$feature_flag_response": true, "$feature_flag_id": 1.0, "$feature_flag_version": 2.0,
			"$feature_flag_reason": "Matched condition set 1",
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}

		again := start(t, cfg)
		e, err = again.EvaluateFlags(posthog.EvaluateFlagsPayload{DistinctId: "ada", FlagKeys: []string{"on", "checkout"}})
		if err != nil || e.GetFlag("on") != true || srv.asked("/flags") != 1 {
			t.Errorf("one that is not decided: on %v, %v, asked PostHog %d times, want once", e.GetFlag("on"), err, srv.asked("/flags"))
		}
	})
}

// With Configure alone, posthog-go's own evaluation has what it had.
func TestEvaluateFlagsLocally(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		cfg := config(srv)
		cfg.PersonalApiKey, cfg.SecretKey = "", "phs_anything"
		if err := posthogtransport.Configure(&cfg, newClient(t, srv, nil)); err != nil {
			t.Fatal(err)
		}
		c := start(t, cfg)
		e, err := c.EvaluateFlags(posthog.EvaluateFlagsPayload{DistinctId: "ada", PersonProperties: posthog.Properties{"plan": "pro"}, OnlyEvaluateLocally: true})
		if err != nil || e.GetFlag("on") != true || e.GetFlagPayload("on") != `{"limit": 10}` {
			t.Errorf("on %v, payload %q, %v", e.GetFlag("on"), e.GetFlagPayload("on"), err)
		}
		srv.Fail(posthogtest.Failure{Path: "/flags/", Status: 503})
		if _, err := c.EvaluateFlags(posthog.EvaluateFlagsPayload{DistinctId: "ada"}); err == nil {
			t.Error("PostHog's failure of /flags did not get through")
		}
		var apiErr *posthog.APIError
		_, err = c.EvaluateFlags(posthog.EvaluateFlagsPayload{DistinctId: "ada"})
		if !errors.As(err, &apiErr) {
			t.Errorf("got %v, want posthog-go's own error", err)
		}
	})
}
