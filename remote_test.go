package hogflags_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// asking lets a client ask PostHog, and keeps it from polling meanwhile.
func asking(cfg *hogflags.Config) {
	cfg.OnlyEvaluateLocally = false
	cfg.PollInterval = 24 * time.Hour
}

// remoteOnly takes the key from a client.
func remoteOnly(cfg *hogflags.Config) { cfg.OnlyEvaluateLocally, cfg.SecretKey = false, "" }

// readyWith makes a client and waits for its definitions.
func readyWith(t *testing.T, srv *posthogtest.Server, change func(*hogflags.Config)) *hogflags.Client {
	t.Helper()
	c := newClient(t, srv, change)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.WaitUntilReady(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// flagsRequests are the bodies of the remote evaluations so far.
func flagsRequests(t *testing.T, srv *posthogtest.Server) (bodies []map[string]any) {
	t.Helper()
	for _, r := range srv.Requests() {
		if strings.TrimSuffix(r.Path, "/") != "/flags" {
			continue
		}
		var body map[string]any
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// asked are the keys that each remote evaluation so far asked for.
func asked(t *testing.T, srv *posthogtest.Server) (keys [][]string) {
	t.Helper()
	for _, body := range flagsRequests(t, srv) {
		list := []string{}
		named, _ := body["flag_keys_to_evaluate"].([]any)
		for _, key := range named {
			list = append(list, key.(string))
		}
		keys = append(keys, list)
	}
	return keys
}

func TestRemoteFallback(t *testing.T) {
	srv := newServer(t)
	srv.SetPerson("u", map[string]any{"plan": "pro"})
	c := readyWith(t, srv, asking)
	ctx := t.Context()
	u := hogflags.Subject{DistinctID: "u"}

	if on, err := c.IsFeatureEnabled(ctx, "on", u); !on || err != nil {
		t.Errorf("decided locally: %v, %v", on, err)
	}
	if got := asked(t, srv); got != nil {
		t.Fatalf("asked for %v, want nothing: it was decided locally", got)
	}
	a, err := c.GetFeatureFlagResult(ctx, "beta", u)
	if err != nil || !a.Enabled() || a.DecidedLocally() || a.Reason() != "condition_match" || a.RequestID() == "" || a.ID() != 1 || a.Version() != 3 || a.ConditionIndex() != 0 || a.Description() != "Matched condition set 1" {
		t.Errorf("got %+v, %v; want PostHog's answer", a, err)
	}
	if raw, err := c.GetFeatureFlagPayload(ctx, "beta", u); err != nil || string(raw) != `"{\"limit\": 10}"` {
		t.Errorf("payload %s, %v", raw, err)
	}
	if _, err := c.GetFeatureFlag(ctx, "beta", u, hogflags.OnlyEvaluateLocally()); !errors.Is(err, hogflags.ErrInconclusive) {
		t.Errorf("local only: %v, want ErrInconclusive", err)
	}
	if diff := cmp.Diff(asked(t, srv), [][]string{{"beta"}, {"beta"}}); diff != "" {
		t.Errorf("asked for (-got +want):\n%s", diff)
	}
}

// One request for what is open, and for nothing else; local values win.
func TestSnapshotAsksOnce(t *testing.T) {
	srv := newServer(t)
	srv.SetPerson("u", map[string]any{"plan": "pro", "signed_up": time.Now().Format(time.RFC3339)})
	c := readyWith(t, srv, asking)
	// From now on PostHog says otherwise of what is decided locally.
	if err := srv.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	e, err := c.EvaluateFlags(t.Context(), hogflags.Subject{DistinctID: "u"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asked(t, srv), [][]string{{"beta", "recent"}}); diff != "" {
		t.Errorf("asked for (-got +want):\n%s", diff)
	}
	got := map[string]any{}
	for _, key := range e.Keys() {
		got[key] = e.Value(key)
	}
	want := map[string]any{"beta": true, "recent": true, "checkout": "fast", "off": false, "on": true}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if a := e.Answer("on"); !a.DecidedLocally() || a.RequestID() != "" {
		t.Errorf("on: %+v, want it decided locally", a)
	}

	e, err = c.EvaluateFlags(t.Context(), pro("u"), hogflags.FlagKeys("checkout", "recent", "beta", "recent"))
	if err != nil || !slices.Equal(e.Keys(), []string{"beta", "checkout", "recent"}) {
		t.Errorf("of three keys: %v, %v", e.Keys(), err)
	}
	if got := asked(t, srv); len(got) != 2 || !slices.Equal(got[1], []string{"recent"}) {
		t.Errorf("asked for %v, want recent alone in the second request", got)
	}
	if e, err := c.EvaluateFlags(t.Context(), pro("u"), hogflags.FlagKeys()); err != nil || len(e.Keys()) != 0 || len(asked(t, srv)) != 2 {
		t.Errorf("of no keys: %v, %v", e.Keys(), err)
	}
}

// A key that neither side knows is asked for once for each refresh.
func TestUnknownKeyIsAskedOncePerRefresh(t *testing.T) {
	srv := newServer(t)
	c := readyWith(t, srv, asking)
	for range 3 {
		if _, err := c.GetFeatureFlag(t.Context(), "nope", pro("u")); !errors.Is(err, hogflags.ErrFlagNotFound) {
			t.Errorf("got %v, want ErrFlagNotFound", err)
		}
		e, err := c.EvaluateFlags(t.Context(), pro("v"), hogflags.FlagKeys("nope", "on"))
		if err != nil || !errors.Is(e.Err("nope"), hogflags.ErrFlagNotFound) || !e.IsEnabled("on") {
			t.Errorf("got %v, %v", e.Err("nope"), err)
		}
	}
	if got := len(asked(t, srv)); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
	if err := c.ReloadFeatureFlags(t.Context()); err != nil { // a 304
		t.Fatal(err)
	}
	for range 2 {
		_, _ = c.GetFeatureFlag(t.Context(), "nope", pro("u"))
	}
	if got := len(asked(t, srv)); got != 2 {
		t.Errorf("%d requests after a refresh, want 2", got)
	}
}

// A key may be unknown in one context and known in another.
func TestUnknownKeyIsRememberedPerContext(t *testing.T) {
	srv := newServer(t)
	c := readyWith(t, srv, asking)
	// PostHog has a flag that its feed leaves out.
	if err := srv.AddFlag([]byte(`{"key":"survey","active":true,"evaluation_contexts":["shop"],"filters":{"groups":[{}]}}`)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		context string
		want    bool
	}{{"blog", false}, {"shop", true}, {"blog", false}} {
		on, err := c.IsFeatureEnabled(t.Context(), "survey", hogflags.Subject{DistinctID: "u", Contexts: []string{tt.context}})
		if on != tt.want || tt.want != (err == nil) {
			t.Errorf("%s: %v, %v; want %v", tt.context, on, err, tt.want)
		}
	}
	if got := len(asked(t, srv)); got != 2 {
		t.Errorf("%d requests, want 2", got)
	}
}

// What is defined for another runtime or context is not there for PostHog either.
func TestHiddenFlagIsNotAskedFor(t *testing.T) {
	srv := newServer(t)
	if err := srv.AddFlag([]byte(`{"key":"phone","active":true,"evaluation_runtime":"client","filters":{"groups":[{}]}}`)); err != nil {
		t.Fatal(err)
	}
	if err := srv.AddFlag([]byte(`{"key":"shop","active":true,"evaluation_contexts":["shop"],"filters":{"groups":[{}]}}`)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change      func(*hogflags.Config)
		phone, shop bool
	}{
		"server": {func(*hogflags.Config) {}, false, true},
		"client": {func(cfg *hogflags.Config) { cfg.Runtime = hogflags.RuntimeClient }, true, true},
		"blog":   {func(cfg *hogflags.Config) { cfg.EvaluationContexts = []string{"blog"} }, false, false},
		"shop":   {func(cfg *hogflags.Config) { cfg.EvaluationContexts = []string{"shop"} }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := readyWith(t, srv, func(cfg *hogflags.Config) { asking(cfg); tt.change(cfg) })
			before := len(asked(t, srv))
			for key, want := range map[string]bool{"phone": tt.phone, "shop": tt.shop} {
				on, err := c.IsFeatureEnabled(t.Context(), key, pro("u"))
				if on != want || !want && !errors.Is(err, hogflags.ErrFlagNotFound) {
					t.Errorf("%s: %v, %v; want %v", key, on, err, want)
				}
			}
			if got := len(asked(t, srv)); got != before {
				t.Errorf("%d requests, want none", got-before)
			}
		})
	}
}

// The request says for whom the client evaluates.
func TestRemoteRequestFields(t *testing.T) {
	srv := newServer(t)
	c := readyWith(t, srv, func(cfg *hogflags.Config) { asking(cfg); cfg.EvaluationContexts = []string{"shop"} })
	s := hogflags.Subject{
		DistinctID: "u", DeviceID: "d", AnonDistinctID: "anon", Groups: map[string]any{"company": "acme"},
		PersonProperties: map[string]any{"a": 1}, GroupProperties: map[string]map[string]any{"company": {"b": true}},
	}
	_, _ = c.GetFeatureFlag(t.Context(), "beta", s)
	_, _ = c.GetFeatureFlag(t.Context(), "beta", s, hogflags.GeoIP(true))
	s.Contexts, s.Runtime = []string{"blog"}, hogflags.RuntimeUnknown
	_, _ = c.GetFeatureFlag(t.Context(), "beta", s)
	base := map[string]any{
		"token": "phc_posthogtest", "distinct_id": "u", "device_id": "d", "$anon_distinct_id": "anon",
		"groups": map[string]any{"company": "acme"}, "person_properties": map[string]any{"a": 1.0},
		"group_properties": map[string]any{"company": map[string]any{"b": true}}, "flag_keys_to_evaluate": []any{"beta"},
	}
	with := func(more map[string]any) map[string]any {
		m := map[string]any{}
		for _, part := range []map[string]any{base, more} {
			maps.Copy(m, part)
		}
		return m
	}
	want := []map[string]any{
		with(map[string]any{"geoip_disable": true, "evaluation_contexts": []any{"shop"}, "evaluation_runtime": "server"}),
		with(map[string]any{"geoip_disable": false, "evaluation_contexts": []any{"shop"}, "evaluation_runtime": "server"}),
		with(map[string]any{"geoip_disable": true, "evaluation_contexts": []any{"blog"}}),
	}
	if diff := cmp.Diff(flagsRequests(t, srv), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// A failure costs nothing of what was decided locally.
func TestRemoteFailureKeepsLocalAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		failure posthogtest.Failure
		want    error
	}{
		"down":  {posthogtest.Failure{Status: 503}, nil},
		"quota": {posthogtest.Failure{Body: `{"flags":{},"quotaLimited":["feature_flags"]}`}, hogflags.ErrQuotaLimited},
		"slow":  {posthogtest.Failure{Delay: time.Hour}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				c := readyWith(t, srv, func(cfg *hogflags.Config) { asking(cfg); cfg.RemoteTimeout = time.Second })
				srv.Fail(tt.failure)
				start := time.Now()
				e, err := c.EvaluateFlags(t.Context(), hogflags.Subject{DistinctID: "u"})
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if took := time.Since(start); took > time.Second {
					t.Errorf("that took %v, want at most the second of RemoteTimeout", took)
				}
				if !e.IsEnabled("on") || e.Variant("checkout") != "fast" || len(e.Keys()) != 5 {
					t.Errorf("got %v, want the flags that were decided locally", e.Keys())
				}
				for _, key := range []string{"beta", "recent"} {
					undecided, ok := errors.AsType[*hogflags.InconclusiveError](e.Err(key))
					if !ok || undecided.Missing == nil || undecided.Cause == nil || e.Value(key) != nil || e.IsEnabled(key) || !e.IsEnabled(key, true) {
						t.Errorf("%s: %v, want it inconclusive, with what is missing and why", key, e.Err(key))
					}
				}
				if err := e.Err("not there"); !errors.Is(err, hogflags.ErrFlagNotFound) && !errors.Is(err, hogflags.ErrInconclusive) {
					t.Errorf("a flag that is not there: %v", err)
				}
				_, err = c.GetFeatureFlag(t.Context(), "beta", hogflags.Subject{DistinctID: "u"})
				if !errors.Is(err, hogflags.ErrInconclusive) || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), "missing person property plan: ") {
					t.Errorf("one flag: %v", err)
				}
				srv.Close()
			})
		})
	}
}

func TestFailedFlag(t *testing.T) {
	srv := newServer(t)
	if err := srv.AddFlag([]byte(`{"key":"static","active":true,"filters":{"groups":[{"properties":[{"key":"id","type":"cohort","operator":"in","value":7}]}]}}`)); err != nil {
		t.Fatal(err)
	}
	c := readyWith(t, srv, asking)
	e, err := c.EvaluateFlags(t.Context(), pro("u"), hogflags.FlagKeys("static", "on"))
	if err != nil {
		t.Errorf("got %v, want no error: PostHog answered", err)
	}
	if err := e.Err("static"); !errors.Is(err, hogflags.ErrInconclusive) || !strings.Contains(err.Error(), "PostHog could not evaluate the flag") {
		t.Errorf("got %v, want it inconclusive by a failure", err)
	}
	if e.IsEnabled("static") || e.Value("static") != nil || !e.IsEnabled("on") {
		t.Error("a failed flag has no value, and spoils no other")
	}
}

func TestRemoteOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.SetPerson("u", map[string]any{"plan": "pro"})
		c := newClient(t, srv, remoteOnly)
		time.Sleep(time.Hour)
		if got := len(srv.Requests()); got != 0 {
			t.Fatalf("%d requests by itself, want none", got)
		}
		u := hogflags.Subject{DistinctID: "u"}
		values, payloads, err := c.GetAllFlagsAndPayloads(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values, map[string]any{"beta": true, "checkout": "fast", "on": true, "recent": false}); diff != "" {
			t.Errorf("values (-got +want):\n%s", diff)
		}
		if string(payloads["beta"]) != `"{\"limit\": 10}"` || len(payloads) != 2 {
			t.Errorf("payloads %q", payloads)
		}
		for range 2 {
			if v, err := c.GetFeatureFlag(t.Context(), "checkout", u); v != "fast" || err != nil {
				t.Errorf("got %v, %v", v, err)
			}
		}
		for range 2 { // there is no refresh that could end a memory of this
			if _, err := c.GetFeatureFlag(t.Context(), "off", u); !errors.Is(err, hogflags.ErrFlagNotFound) {
				t.Errorf("an inactive flag: %v, want ErrFlagNotFound", err)
			}
		}
		if diff := cmp.Diff(asked(t, srv), [][]string{{}, {"checkout"}, {"checkout"}, {"off"}, {"off"}}); diff != "" {
			t.Errorf("asked for (-got +want):\n%s", diff)
		}
		if _, err := c.GetFeatureFlag(t.Context(), "on", u, hogflags.OnlyEvaluateLocally()); !errors.Is(err, hogflags.ErrNotReady) || !errors.Is(err, hogflags.ErrRemoteOnly) {
			t.Errorf("local only: %v, want ErrNotReady and ErrRemoteOnly", err)
		}
		if _, err := c.EvaluateFlags(t.Context(), u, hogflags.OnlyEvaluateLocally()); !errors.Is(err, hogflags.ErrNotReady) {
			t.Errorf("local only: %v, want ErrNotReady", err)
		}
		if err := c.WaitUntilReady(t.Context()); err != nil {
			t.Error(err)
		}
		if err := c.ReloadFeatureFlags(t.Context()); !errors.Is(err, hogflags.ErrRemoteOnly) {
			t.Errorf("reload: %v", err)
		}
		if s := c.Status(); s.Cause == nil || s.Flags != 0 {
			t.Errorf("status %+v", s)
		}
		c.OnChange(func(hogflags.Change) {})()
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	})
}

// Until there are definitions, PostHog is asked.
func TestFallbackBeforeDefinitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Path: "/flags/definitions", Delay: time.Minute})
		c := newClient(t, srv, asking)
		if on, err := c.IsFeatureEnabled(t.Context(), "beta", pro("u")); !on || err != nil {
			t.Errorf("one flag: %v, %v", on, err)
		}
		e, err := c.EvaluateFlags(t.Context(), pro("u"))
		if err != nil || !slices.Equal(e.Keys(), []string{"beta", "checkout", "on", "recent"}) {
			t.Errorf("all: %v, %v", e.Keys(), err)
		}
		srv.Fail(posthogtest.Failure{Status: 503})
		e, err = c.EvaluateFlags(t.Context(), pro("u"))
		if !errors.Is(err, hogflags.ErrNotReady) || !strings.Contains(err.Error(), "answer 503") {
			t.Errorf("neither definitions nor PostHog: %v", err)
		}
		if err := e.Err("beta"); !errors.Is(err, hogflags.ErrInconclusive) || !errors.Is(err, hogflags.ErrNotReady) {
			t.Errorf("a flag then: %v, want ErrInconclusive and ErrNotReady", err)
		}
		_, err = c.GetFeatureFlag(t.Context(), "beta", pro("u"))
		if !errors.Is(err, hogflags.ErrInconclusive) || !errors.Is(err, hogflags.ErrNotReady) {
			t.Errorf("one flag then: %v", err)
		}
		srv.Close()
	})
}

// A PostHog that is down is left alone, and found again.
func TestCircuitBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		c := readyWith(t, srv, asking)
		u := hogflags.Subject{DistinctID: "u"}
		ask := func() error {
			_, err := c.GetFeatureFlag(t.Context(), "beta", u)
			return err
		}
		srv.Fail(posthogtest.Failure{Path: "/flags/", Delay: time.Hour})
		start := time.Now()
		for range 100 {
			if err := ask(); !errors.Is(err, hogflags.ErrInconclusive) {
				t.Fatal(err)
			}
		}
		if n, took := len(asked(t, srv)), time.Since(start); n != 5 || took != 15*time.Second {
			t.Errorf("%d requests in %v, want 5 that took 3 s each", n, took)
		}
		if err := ask(); !errors.Is(err, hogflags.ErrCircuitOpen) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want ErrCircuitOpen with its cause", err)
		}
		if on, err := c.IsFeatureEnabled(t.Context(), "on", u); !on || err != nil {
			t.Errorf("decided locally: %v, %v", on, err)
		}
		srv.Recover()
		time.Sleep(3 * time.Second)
		for range 2 {
			if err := ask(); err != nil {
				t.Errorf("after the break: %v", err)
			}
		}
		if n := len(asked(t, srv)); n != 7 {
			t.Errorf("%d requests, want 7", n)
		}
		srv.Close()
	})
}

func TestGetRemoteConfigPayload(t *testing.T) {
	srv := newServer(t)
	c := ready(t, srv)
	raw, err := c.GetRemoteConfigPayload(t.Context(), "beta")
	var v struct{ Limit int }
	if err != nil || hogflags.DecodePayload(raw, &v) != nil || v.Limit != 10 {
		t.Errorf("got %s, %v", raw, err)
	}
	if _, err := c.GetRemoteConfigPayload(t.Context(), "nope"); !errors.Is(err, hogflags.ErrFlagNotFound) {
		t.Errorf("got %v, want ErrFlagNotFound", err)
	}
	if _, err := newClient(t, srv, remoteOnly).GetRemoteConfigPayload(t.Context(), "beta"); err == nil || !strings.Contains(err.Error(), "no secret key") {
		t.Errorf("without a key: %v", err)
	}
}
