package hogflags_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const chained = `{"flags":[
 {"id":1,"key":"base","active":true,"version":4,"filters":{"groups":[{"rollout_percentage":0}],
  "multivariate":{"variants":[{"key":"blue","rollout_percentage":100}]},"payloads":{"blue":"\"sky\"","true":"1"}}},
 {"id":2,"key":"above","active":true,"filters":{"groups":[{"rollout_percentage":100,"properties":[
  {"key":"base","type":"flag","operator":"flag_evaluates_to","value":"blue","dependency_chain":["base"]}]}]}},
 {"id":3,"key":"broken","active":true,"filters":"none"},
 {"id":4,"key":"phone","active":true,"evaluation_runtime":"client","filters":{"groups":[{}]}},
 {"id":5,"key":"static","active":true,"filters":{"groups":[{"properties":[{"key":"id","type":"cohort","operator":"in","value":9}]}]}},
 {"id":6,"key":"plain","active":true,"filters":{"groups":[{}]}}
],"group_type_mapping":{},"cohorts":{}}`

// Overrides hold before there are definitions, with them, and after a change.
func TestOverrides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.SetDefinitions([]byte(chained))
		srv.Fail(posthogtest.Failure{Status: 503})
		c := newClient(t, srv, func(cfg *hogflags.Config) {
			cfg.OnlyEvaluateLocally = true
			cfg.Logger = slog.New(slog.DiscardHandler)
			cfg.Overrides = map[string]any{
				"base": "blue", "broken": true, "phone": true, "static": false, "new": "x",
				"rich": hogflags.Override{Value: true, Payload: json.RawMessage(`{"limit":3}`)},
			}
		})
		synctest.Wait()
		overridden := map[string]any{"base": "blue", "broken": true, "phone": true, "static": false, "new": "x", "rich": true}
		check := func(when string, others map[string]any) {
			t.Helper()
			for key, want := range overridden {
				if got, err := c.GetFeatureFlag(t.Context(), key, pro("u")); got != want || err != nil {
					t.Errorf("%s: %s = %v, %v; want %v", when, key, got, err, want)
				}
			}
			got, err := c.GetAllFlags(t.Context(), pro("u"))
			want := maps.Clone(overridden)
			maps.Copy(want, others)
			if diff := cmp.Diff(got, want); diff != "" || (err == nil) != (others != nil) {
				t.Errorf("%s: %v (-got +want):\n%s", when, err, diff)
			}
			e, _ := c.EvaluateFlags(t.Context(), pro("u"), hogflags.FlagKeys("new", "plain"))
			var payload struct{ Limit int }
			if got, _ := c.GetFeatureFlagPayload(t.Context(), "rich", pro("u")); json.Unmarshal(got, &payload) != nil || payload.Limit != 3 || e.Value("new") != "x" {
				t.Errorf("%s: payload %s, new %v", when, got, e.Value("new"))
			}
		}
		check("without definitions", nil)
		if _, err := c.GetFeatureFlag(t.Context(), "plain", pro("u")); !errors.Is(err, hogflags.ErrNotReady) {
			t.Errorf("a flag that is not overridden: %v, want ErrNotReady", err)
		}
		srv.Recover()
		time.Sleep(5 * time.Minute)
		check("with definitions", map[string]any{"above": true, "plain": true})
		if a, err := c.GetFeatureFlagResult(t.Context(), "base", pro("u")); err != nil || string(a.Payload()) != `"\"sky\""` && string(a.Payload()) != `"sky"` || a.ID() != 1 || a.Version() != 4 {
			t.Errorf("base: payload %s, id %d, version %d, %v; want those of the definitions", a.Payload(), a.ID(), a.Version(), err)
		}
		if err := srv.SetActive("base", false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		check("after a change", map[string]any{"above": true, "plain": true})
	})
}

// A client that asks PostHog for everything has them, too.
func TestOverridesRemoteOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		sent := &recorder{}
		c := newClient(t, srv, func(cfg *hogflags.Config) {
			cfg.SecretKey = ""
			cfg.OnlyEvaluateLocally = false
			cfg.Logger = slog.New(slog.DiscardHandler)
			cfg.Overrides = map[string]any{"on": false, "new": true}
			cfg.Events = sent
		})
		asked := len(srv.Requests())
		if got, err := c.IsFeatureEnabled(t.Context(), "new", pro("u")); !got || err != nil || len(srv.Requests()) != asked {
			t.Errorf("got %v, %v; asked %d times", got, err, len(srv.Requests())-asked)
		}
		e, err := c.EvaluateFlags(t.Context(), pro("u"))
		if err != nil || e.Value("on") != false || e.Value("new") != true || e.Value("checkout") != "fast" {
			t.Errorf("got %v, %v, %v; %v", e.Value("on"), e.Value("new"), e.Value("checkout"), err)
		}
		if len(sent.events) != 3 {
			t.Errorf("%d events, want one for each flag that was read", len(sent.events))
		}
	})
}

func TestOverridesOfTheEnvironment(t *testing.T) {
	for name, tt := range map[string]struct {
		variable  string
		overrides map[string]any
		want      any // of "on"
		err       string
	}{
		"pairs":          {variable: " on = false , checkout=slow", want: false},
		"JSON":           {variable: ` {"on": "a,b=c"}`, want: "a,b=c"},
		"none":           {want: true},
		"the config's":   {variable: "on=false", overrides: map[string]any{"checkout": true}, want: true},
		"switched off":   {variable: "on=false", overrides: map[string]any{}, want: true},
		"no pair":        {variable: "on", err: `environment variable HOGFLAGS_OVERRIDES: "on" is no flag=value`},
		"no value":       {variable: "on=", err: `is no flag=value`},
		"broken JSON":    {variable: "{on", err: "environment variable HOGFLAGS_OVERRIDES"},
		"a number":       {variable: `{"on": 1}`, err: `flag "on": want false, true or a variant's key, found float64`},
		"empty variant":  {overrides: map[string]any{"on": ""}, err: "the variant is empty"},
		"broken payload": {overrides: map[string]any{"on": hogflags.Override{Value: true, Payload: json.RawMessage("{")}}, err: "the payload is no JSON"},
		"no value given": {overrides: map[string]any{"on": hogflags.Override{}}, err: "found <nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(hogflags.OverridesVariable, tt.variable)
			var log bytes.Buffer
			before := slog.Default()
			slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
			defer slog.SetDefault(before)
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				c, err := hogflags.New(t.Context(), hogflags.Config{
					ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey,
					Host: srv.URL, HTTPClient: srv.Client(), Overrides: tt.overrides,
				})
				if tt.err != "" {
					if err == nil || !strings.Contains(err.Error(), tt.err) {
						t.Errorf("got %v, want %q", err, tt.err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if err := c.WaitUntilReady(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got, err := c.GetFeatureFlag(t.Context(), "on", pro("u")); got != tt.want || err != nil {
					t.Errorf("got %v, %v; want %v", got, err, tt.want)
				}
			})
			if loud := strings.Contains(log.String(), "level=WARN msg=\"flags are overridden"); loud != (tt.err == "" && (tt.variable != "" && tt.overrides == nil || len(tt.overrides) > 0)) {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}
