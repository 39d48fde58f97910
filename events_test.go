package hogflags_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// recorder is a sink that keeps what it takes.
type recorder struct {
	mu     sync.Mutex
	events []events.Event
}

func (r *recorder) Capture(_ context.Context, e events.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	return nil
}

// take returns the events so far and forgets them.
func (r *recorder) take() []events.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.events
	r.events = nil
	return taken
}

// flags are the keys that the events so far are about, sorted.
func (r *recorder) flags() (keys []string) {
	for _, e := range r.take() {
		key, _ := e.Properties["$feature_flag"].(string)
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func reporting(t *testing.T, srv *posthogtest.Server, change func(*hogflags.Config)) (*hogflags.Client, *recorder) {
	t.Helper()
	to := new(recorder)
	c := readyWith(t, srv, func(cfg *hogflags.Config) {
		asking(cfg)
		cfg.Events = to
		if change != nil {
			change(cfg)
		}
	})
	return c, to
}

// get_feature_flag_captures_feature_flag_called_event: one event, with key and
// response.
func TestGetFeatureFlagCapturesFeatureFlagCalledEvent(t *testing.T) {
	srv := newServer(t)
	to := new(recorder)
	c := newClient(t, srv, func(cfg *hogflags.Config) { remoteOnly(cfg); cfg.Events = to })
	srv.Fail(posthogtest.Failure{Body: `{"featureFlags": {"my-flag": true}}`})
	for range 2 {
		if v, err := c.GetFeatureFlag(t.Context(), "my-flag", pro("u")); v != true || err != nil {
			t.Fatalf("got %v, %v", v, err)
		}
	}
	got := to.take()
	if len(got) != 1 || got[0].Name != "$feature_flag_called" || got[0].DistinctID != "u" || got[0].Properties["$feature_flag"] != "my-flag" || got[0].Properties["$feature_flag_response"] != true {
		t.Errorf("got %+v, want one $feature_flag_called", got)
	}
}

// A value that is decided here is reported with everything the definitions say.
func TestLocalExposure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		c, to := reporting(t, srv, nil)
		loaded := time.Now()
		time.Sleep(time.Minute)
		subject := pro("u")
		subject.Groups, subject.DeviceID = map[string]any{"company": "acme"}, "d"
		if on, err := c.IsFeatureEnabled(t.Context(), "beta", subject); !on || err != nil {
			t.Fatal(on, err)
		}
		want := []events.Event{{
			Name: "$feature_flag_called", DistinctID: "u", Groups: map[string]any{"company": "acme"}, Time: time.Now(),
			Properties: map[string]any{
				"$feature_flag": "beta", "$feature_flag_response": true, "$feature/beta": true, "locally_evaluated": true,
				"$feature_flag_id": int64(1), "$feature_flag_version": int64(3), "$feature_flag_reason": "Matched condition set 1",
				"$feature_flag_payload": `{"limit": 10}`, "$feature_flag_definitions_loaded_at": loaded.UnixMilli(), "$device_id": "d",
			},
		}}
		if diff := cmp.Diff(to.take(), want); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
		srv.Close()
	})
}

// One that PostHog decided goes with PostHog's request.
func TestRemoteExposure(t *testing.T) {
	srv := newServer(t)
	srv.SetPerson("u", map[string]any{"plan": "pro"})
	c, to := reporting(t, srv, nil)
	a, err := c.GetFeatureFlagResult(t.Context(), "beta", hogflags.Subject{DistinctID: "u"})
	if err != nil {
		t.Fatal(err)
	}
	got := to.take()
	if len(got) != 1 {
		t.Fatalf("%d events, want 1", len(got))
	}
	want := map[string]any{
		"$feature_flag": "beta", "$feature_flag_response": true, "$feature/beta": true, "locally_evaluated": false,
		"$feature_flag_id": int64(1), "$feature_flag_version": int64(3), "$feature_flag_reason": "Matched condition set 1",
		"$feature_flag_payload": `{"limit": 10}`, "$feature_flag_request_id": a.RequestID(), "$feature_flag_evaluated_at": a.EvaluatedAt().UnixMilli(),
		"$feature_flag_has_experiment": false,
	}
	if diff := cmp.Diff(got[0].Properties, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// The slim form is for flags that are known to be without an experiment, when the
// definitions or the answer ask for it.
func TestMinimalEvents(t *testing.T) {
	document := `{"minimal_flag_called_events": true, "flags": [
	 {"id":1,"key":"plain","active":true,"has_experiment":false,"filters":{"groups":[{}]}},
	 {"id":2,"key":"experiment","active":true,"has_experiment":true,"filters":{"groups":[{}]}},
	 {"id":3,"key":"unknown","active":true,"filters":{"groups":[{}]}}]}`
	answer := `{"minimalFlagCalledEvents": true, "requestId": "r", "flags": {
	 "plain": {"enabled":true,"metadata":{"id":1,"has_experiment":false}},
	 "experiment": {"enabled":true,"metadata":{"id":2,"has_experiment":true}},
	 "unknown": {"enabled":true,"metadata":{"id":3}}}}`
	srv := newServer(t)
	srv.SetDefinitions([]byte(document))
	local, localTo := reporting(t, srv, nil)
	remoteTo := new(recorder)
	remote := newClient(t, srv, func(cfg *hogflags.Config) { remoteOnly(cfg); cfg.Events = remoteTo })
	srv.Fail(posthogtest.Failure{Path: "/flags/", Body: answer})
	for name, by := range map[string]struct {
		c  *hogflags.Client
		to *recorder
	}{"local": {local, localTo}, "remote": {remote, remoteTo}} {
		t.Run(name, func(t *testing.T) {
			for key, whole := range map[string]bool{"plain": false, "experiment": true, "unknown": true} {
				if on, err := by.c.IsFeatureEnabled(t.Context(), key, pro("u")); !on || err != nil {
					t.Fatal(key, on, err)
				}
				got := by.to.take()
				if len(got) != 1 {
					t.Fatalf("%s: %d events", key, len(got))
				}
				if _, has := got[0].Properties["$feature/"+key]; has != whole {
					t.Errorf("%s: in full %v, want %v", key, has, whole)
				}
				if _, known := got[0].Properties["$feature_flag_has_experiment"]; known != (key != "unknown") {
					t.Errorf("%s: has experiment is told: %v", key, known)
				}
			}
		})
	}
}

// What went wrong goes by PostHog's names.
func TestExposureErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		failure posthogtest.Failure
		key     string
		want    any
	}{
		"missing":         {posthogtest.Failure{Body: `{"flags":{}}`}, "beta", "flag_missing"},
		"failed":          {posthogtest.Failure{Body: `{"flags":{"beta":{"enabled":false,"failed":true}},"errorsWhileComputingFlags":true}`}, "beta", "errors_while_computing_flags,evaluation_failed"},
		"errors":          {posthogtest.Failure{Body: `{"flags":{"beta":{"enabled":true}},"errorsWhileComputingFlags":true}`}, "beta", "errors_while_computing_flags"},
		"missing, errors": {posthogtest.Failure{Body: `{"flags":{},"errorsWhileComputingFlags":true}`}, "beta", "errors_while_computing_flags,flag_missing"},
		"quota":           {posthogtest.Failure{Body: `{"flags":{},"quotaLimited":["feature_flags"]}`}, "beta", "quota_limited"},
		"402":             {posthogtest.Failure{Status: 402}, "beta", "quota_limited"},
		"500":             {posthogtest.Failure{Status: 500}, "beta", "api_error_500"},
		"429":             {posthogtest.Failure{Status: 429}, "beta", "api_error_429"},
		"timeout":         {posthogtest.Failure{Delay: time.Hour}, "beta", "timeout"},
		"none":            {posthogtest.Failure{Body: `{"flags":{"beta":{"enabled":true}}}`}, "beta", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				to := new(recorder)
				c := newClient(t, srv, func(cfg *hogflags.Config) { remoteOnly(cfg); cfg.Events = to })
				srv.Fail(tt.failure)
				_, _ = c.GetFeatureFlag(t.Context(), tt.key, pro("u"))
				got := to.take()
				if len(got) != 1 || got[0].Properties["$feature_flag_error"] != tt.want {
					t.Errorf("got %+v, want the error %v", got, tt.want)
				}
				srv.Close()
			})
		})
	}
	t.Run("connection", func(t *testing.T) {
		to := new(recorder)
		c := newClient(t, newServer(t), func(cfg *hogflags.Config) {
			remoteOnly(cfg)
			cfg.Events, cfg.Host, cfg.HTTPClient = to, "http://127.0.0.1:1", nil
		})
		_, _ = c.GetFeatureFlag(t.Context(), "beta", pro("u"))
		if got := to.take(); len(got) != 1 || got[0].Properties["$feature_flag_error"] != "connection_error" {
			t.Errorf("got %+v, want connection_error", got)
		}
	})
	t.Run("local only", func(t *testing.T) {
		c, to := reporting(t, newServer(t), func(cfg *hogflags.Config) { cfg.OnlyEvaluateLocally = true })
		_, _ = c.GetFeatureFlag(t.Context(), "beta", hogflags.Subject{DistinctID: "u"})
		_, _ = c.GetFeatureFlag(t.Context(), "nope", hogflags.Subject{DistinctID: "u"})
		got := to.take()
		if len(got) != 2 || got[0].Properties["$feature_flag_error"] != "evaluation_failed" || got[1].Properties["$feature_flag_error"] != "flag_missing" {
			t.Errorf("got %+v", got)
		}
	})
}

// Reads report, once whatever way they go; everything else is silent.
func TestSnapshotReports(t *testing.T) {
	srv := newServer(t)
	c, to := reporting(t, srv, nil)
	e, err := c.EvaluateFlags(t.Context(), pro("u"), hogflags.OnlyEvaluateLocally())
	if err != nil {
		t.Fatal(err)
	}
	var v any
	_, _, _, _ = e.Keys(), e.Payload("beta"), e.Reason("beta"), e.Answer("beta")
	_, _, _, _ = e.Err("beta"), e.PayloadInto("beta", &v), e.EventProperties(), e.Only("beta")
	_, _ = c.GetAllFlags(t.Context(), pro("u"))
	_, _, _ = c.GetAllFlagsAndPayloads(t.Context(), pro("u"))
	_, _ = c.GetFeatureFlagPayload(t.Context(), "beta", pro("u"))
	_, _ = c.GetFeatureFlag(t.Context(), "beta", pro("u"), hogflags.SendFeatureFlagEvents(false))
	if got := to.flags(); got != nil {
		t.Errorf("events for %v from what is no read", got)
	}
	for range 2 {
		e.IsEnabled("beta")
		e.Value("beta")
		e.Variant("checkout")
		e.IsEnabled("not there", true)
	}
	_, _ = c.GetFeatureFlag(t.Context(), "beta", pro("u"))
	e.Only("checkout", "on").IsEnabled("on")
	if got := to.flags(); !slices.Equal(got, []string{"beta", "checkout", "not there", "on"}) {
		t.Errorf("events for %v, want one for each flag read", got)
	}
	quiet, _ := c.EvaluateFlags(t.Context(), pro("v"), hogflags.SendFeatureFlagEvents(false))
	if quiet.IsEnabled("beta"); len(to.take()) != 0 {
		t.Error("a snapshot without events reports")
	}
	nobody, _ := c.EvaluateFlags(t.Context(), hogflags.Subject{})
	if nobody.IsEnabled("on"); len(to.take()) != 0 {
		t.Error("a snapshot of nobody reports")
	}
}

func TestOnlyAccessed(t *testing.T) {
	c, _ := reporting(t, newServer(t), nil)
	e, err := c.EvaluateFlags(t.Context(), pro("u"), hogflags.OnlyEvaluateLocally())
	if err != nil {
		t.Fatal(err)
	}
	if got := e.OnlyAccessed().Keys(); len(got) != 0 {
		t.Errorf("before any read: %v", got)
	}
	only := e.Only("beta", "checkout", "nope")
	if got := only.Keys(); !slices.Equal(got, []string{"beta", "checkout"}) {
		t.Errorf("only: %v", got)
	}
	only.IsEnabled("beta") // which does not count for e
	e.IsEnabled("checkout")
	e.Value("off")
	_ = e.Payload("on")
	e.IsEnabled("nope")
	accessed := e.OnlyAccessed()
	if got := accessed.Keys(); !slices.Equal(got, []string{"checkout", "off"}) {
		t.Errorf("accessed: %v", got)
	}
	want := map[string]any{"$feature/checkout": "fast", "$feature/off": false, "$active_feature_flags": []string{"checkout"}}
	if diff := cmp.Diff(accessed.EventProperties(), want); diff != "" {
		t.Errorf("properties (-got +want):\n%s", diff)
	}
	if got := slices.Sorted(maps.Keys(e.EventProperties())); !slices.Equal(got, []string{"$active_feature_flags", "$feature/beta", "$feature/checkout", "$feature/off", "$feature/on"}) {
		t.Errorf("all properties: %v (recent is not decided)", got)
	}
	var none hogflags.Evaluations
	if none.IsEnabled("a") || !none.IsEnabled("a", true) || none.Value("a") != nil || none.Keys() != nil || len(none.OnlyAccessed().Only("a").EventProperties()) != 0 || !errors.Is(none.Err("a"), hogflags.ErrFlagNotFound) {
		t.Error("the zero Evaluations has flags")
	}
}

// A snapshot stays as it was, also for its events.
func TestSnapshotIsFrozen(t *testing.T) {
	srv := newServer(t)
	c, to := reporting(t, srv, nil)
	subject := pro("u")
	subject.Groups = map[string]any{"company": "acme"}
	e, err := c.EvaluateFlags(t.Context(), subject, hogflags.OnlyEvaluateLocally())
	if err != nil {
		t.Fatal(err)
	}
	subject.Groups["company"] = "other"
	subject.PersonProperties["plan"] = "free"
	if err := errors.Join(srv.RemoveFlag("beta"), c.ReloadFeatureFlags(t.Context())); err != nil {
		t.Fatal(err)
	}
	if !e.IsEnabled("beta") {
		t.Error("the snapshot changed")
	}
	if got := to.take(); len(got) != 1 || got[0].Groups["company"] != "acme" || got[0].Properties["$feature_flag_response"] != true {
		t.Errorf("got %+v", got)
	}
}

func TestCapture(t *testing.T) {
	c, to := reporting(t, newServer(t), nil)
	ctx := hogflags.WithRequestContext(t.Context(), hogflags.RequestContext{DistinctID: "ada", SessionID: "s"})
	properties := map[string]any{"amount": 7}
	if err := c.Capture(ctx, events.Event{Name: "bought", Properties: properties}); err != nil {
		t.Fatal(err)
	}
	got := to.take()
	if len(got) != 1 || got[0].DistinctID != "ada" || got[0].Time.IsZero() || len(properties) != 1 {
		t.Fatalf("got %+v of %v", got, properties)
	}
	if diff := cmp.Diff(got[0].Properties, map[string]any{"amount": 7, "$session_id": "s"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if err := newClient(t, newServer(t), nil).Capture(ctx, events.Event{Name: "bought"}); err != nil {
		t.Errorf("without a sink: %v", err)
	}
}
