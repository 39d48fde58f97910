package ofprovider_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"
	"go.uber.org/goleak"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/hogflagstest"
	"github.com/hogflags/hogflags/ofprovider"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const definitions = `{"flags":[
 {"id":1,"key":"on","version":3,"active":true,"filters":{"groups":[{}]}},
 {"id":2,"key":"half","active":true,"filters":{"groups":[{"rollout_percentage":0}]}},
 {"id":3,"key":"inactive","active":false,"filters":{"groups":[{}]}},
 {"id":4,"key":"blue","active":true,"filters":{"groups":[{"variant":"blue"}],"multivariate":{"variants":[{"key":"blue","rollout_percentage":100}]},"payloads":{"blue":"{\"limit\":3,\"tags\":[\"a\"]}"}}},
 {"id":5,"key":"seven","active":true,"filters":{"groups":[{"variant":"7"}],"multivariate":{"variants":[{"key":"7","rollout_percentage":100}]},"payloads":{"7":"[1,2]"}}},
 {"id":6,"key":"pi","active":true,"filters":{"groups":[{"variant":"3.14"}],"multivariate":{"variants":[{"key":"3.14","rollout_percentage":100}]},"payloads":{"3.14":"text"}}},
 {"id":7,"key":"huge","active":true,"filters":{"groups":[{"variant":"1e999"}],"multivariate":{"variants":[{"key":"1e999","rollout_percentage":100}]},"payloads":{"1e999":"12"}}},
 {"id":8,"key":"pro","active":true,"filters":{"groups":[{"properties":[{"key":"plan","type":"person","operator":"exact","value":"pro"}]}]}},
 {"id":9,"key":"big","active":true,"filters":{"aggregation_group_type_index":0,"groups":[{"properties":[{"key":"size","type":"group","group_type_index":0,"operator":"gt","value":5}]}]}},
 {"id":10,"key":"secret","active":true,"has_encrypted_payloads":true,"filters":{"groups":[{}],"payloads":{"true":"gibberish"}}},
 {"id":11,"key":"unless","active":true,"filters":{"groups":[{"properties":[{"key":"on","type":"flag","operator":"flag_evaluates_to","value":false,"dependency_chain":["on"]}]}]}}
],"group_type_mapping":{"0":"company"},"cohorts":{}}`

// start registers a provider with an OpenFeature of the test's own.
func start(t *testing.T, client *hogflags.Client, cfg ofprovider.Config) *openfeature.EvaluationAPI {
	t.Helper()
	api := isolated.NewAPI()
	if err := api.SetProviderAndWait(t.Context(), ofprovider.New(client, cfg)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return api
}

func fixture(t *testing.T) (*hogflagstest.Fixture, *openfeature.Client) {
	t.Helper()
	f := hogflagstest.New(t, hogflagstest.Config{Definitions: []byte(definitions)})
	return f, start(t, f.Client, ofprovider.Config{}).NewClient()
}

func about(key string, attributes map[string]any) openfeature.EvaluationContext {
	return openfeature.NewEvaluationContext(key, attributes)
}

// Each type, for flags that have a value of it, that are off, and that have
// another.
func TestTypes(t *testing.T) {
	_, c := fixture(t)
	ada := about("ada", nil)
	const (
		match, off, disabled, fails = openfeature.TargetingMatchReason, openfeature.DefaultReason, openfeature.DisabledReason, openfeature.ErrorReason
		mismatch                    = openfeature.TypeMismatchCode
	)
	for _, tt := range []struct {
		kind, key string
		want      any
		variant   string
		reason    openfeature.Reason
		code      openfeature.ErrorCode
	}{
		{"bool", "on", true, "", match, ""},
		{"bool", "half", false, "", off, ""},
		{"bool", "inactive", false, "", disabled, ""},
		{"bool", "blue", true, "blue", match, ""},
		{"bool", "missing", true, "", fails, openfeature.FlagNotFoundCode},
		{"bool", "pro", true, "", fails, openfeature.GeneralCode},
		{"string", "blue", "blue", "blue", match, ""},
		{"string", "half", "fallback", "", off, ""},
		{"string", "inactive", "fallback", "", disabled, ""},
		{"string", "on", "fallback", "", fails, mismatch},
		{"string", "missing", "fallback", "", fails, openfeature.FlagNotFoundCode},
		{"int", "seven", int64(7), "7", match, ""},
		{"int", "half", int64(-1), "", off, ""},
		{"int", "pi", int64(-1), "", fails, mismatch},
		{"int", "on", int64(-1), "", fails, mismatch},
		{"float", "pi", 3.14, "3.14", match, ""},
		{"float", "seven", 7.0, "7", match, ""},
		{"float", "half", -1.5, "", off, ""},
		{"float", "blue", -1.5, "", fails, mismatch},
		{"float", "huge", -1.5, "", fails, mismatch},
		{"object", "blue", map[string]any{"limit": 3.0, "tags": []any{"a"}}, "blue", match, ""},
		{"object", "seven", []any{1.0, 2.0}, "7", match, ""},
		{"object", "half", "fallback", "", off, ""},
		{"object", "pi", "fallback", "", fails, mismatch},
		{"object", "huge", "fallback", "", fails, mismatch},
		{"object", "on", "fallback", "", fails, mismatch},
		{"object", "secret", "fallback", "", fails, openfeature.GeneralCode},
	} {
		var got any
		var d openfeature.EvaluationDetails
		var err error
		switch tt.kind {
		case "bool":
			var r openfeature.BooleanEvaluationDetails
			r, err = c.BooleanValueDetails(t.Context(), tt.key, true, ada)
			got, d = r.Value, r.EvaluationDetails
		case "string":
			var r openfeature.StringEvaluationDetails
			r, err = c.StringValueDetails(t.Context(), tt.key, "fallback", ada)
			got, d = r.Value, r.EvaluationDetails
		case "int":
			var r openfeature.IntEvaluationDetails
			r, err = c.IntValueDetails(t.Context(), tt.key, -1, ada)
			got, d = r.Value, r.EvaluationDetails
		case "float":
			var r openfeature.FloatEvaluationDetails
			r, err = c.FloatValueDetails(t.Context(), tt.key, -1.5, ada)
			got, d = r.Value, r.EvaluationDetails
		case "object":
			var r openfeature.InterfaceEvaluationDetails
			r, err = c.ObjectValueDetails(t.Context(), tt.key, "fallback", ada)
			got, d = r.Value, r.EvaluationDetails
		}
		if diff := cmp.Diff(got, tt.want); diff != "" || d.Variant != tt.variant || d.Reason != tt.reason || d.ErrorCode != tt.code || (err != nil) != (tt.code != "") {
			t.Errorf("%s %s = %v, variant %q, %s, %q, %v; want %v, variant %q, %s, %q", tt.kind, tt.key, got, d.Variant, d.Reason, d.ErrorCode, err, tt.want, tt.variant, tt.reason, tt.code)
		}
	}
}

func TestMetadata(t *testing.T) {
	f, c := fixture(t)
	d, err := c.BooleanValueDetails(t.Context(), "on", false, about("ada", nil))
	if err != nil {
		t.Fatal(err)
	}
	want := openfeature.FlagMetadata{"flagId": int64(1), "version": "3", "revision": f.Client.Status().Revision.String(), "local": true, "posthogReason": "condition_match"}
	if diff := cmp.Diff(d.FlagMetadata, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	f.Set(t, "on", true)
	d, err = c.BooleanValueDetails(t.Context(), "on", false, about("ada", nil))
	if got := d.FlagMetadata["revision"]; err != nil || got == want["revision"] || got != f.Client.Status().Revision.String() {
		t.Errorf("after a change: revision %v, %v", got, err)
	}
	if d.FlagMetadata["version"] != nil {
		t.Errorf("version %v of a flag that has none", d.FlagMetadata["version"])
	}
}

func TestContext(t *testing.T) {
	f, c := fixture(t)
	company := map[string]any{"company": "acme"}
	size := map[string]any{"company": map[string]any{"size": 10}}
	withDefault := start(t, f.Client, ofprovider.Config{DefaultDistinctID: "anonymous"}).NewClient()
	request := hogflags.WithRequestContext(t.Context(), hogflags.RequestContext{DistinctID: "bob"})
	for _, tt := range []struct {
		name   string
		client *openfeature.Client
		ctx    context.Context
		key    string
		about  openfeature.EvaluationContext
		want   bool
		code   openfeature.ErrorCode
	}{
		{"attributes are person properties", c, t.Context(), "pro", about("ada", map[string]any{"plan": "pro"}), true, ""},
		{"groups", c, t.Context(), "big", about("ada", map[string]any{"groups": company, "group_properties": size}), true, ""},
		{"groups, in camel case", c, t.Context(), "big", about("ada", map[string]any{"groups": company, "groupProperties": size}), true, ""},
		{"no group", c, t.Context(), "big", about("ada", nil), false, ""},
		{"no targeting key", c, t.Context(), "on", about("", nil), false, openfeature.TargetingKeyMissingCode},
		{"a default id", withDefault, t.Context(), "on", about("", nil), true, ""},
		{"the request's id", c, request, "on", about("", nil), true, ""},
		{"a targeting key that is no string", c, t.Context(), "on", openfeature.NewTargetlessEvaluationContext(map[string]any{"targetingKey": 7}), false, openfeature.InvalidContextCode},
		{"groups that are none", c, t.Context(), "on", about("ada", map[string]any{"groups": "acme"}), false, openfeature.InvalidContextCode},
		{"group properties that are none", c, t.Context(), "on", about("ada", map[string]any{"group_properties": 1}), false, openfeature.InvalidContextCode},
		{"properties of a group that are none", c, t.Context(), "on", about("ada", map[string]any{"group_properties": company}), false, openfeature.InvalidContextCode},
	} {
		d, err := tt.client.BooleanValueDetails(tt.ctx, tt.key, false, tt.about)
		if d.Value != tt.want || d.ErrorCode != tt.code || (err != nil) != (tt.code != "") {
			t.Errorf("%s: %v, %q, %v; want %v, %q", tt.name, d.Value, d.ErrorCode, err, tt.want, tt.code)
		}
	}
	f.AssertReported(t, "bob", "on", true)
	f.AssertReported(t, "anonymous", "on", true)
}

func TestTrack(t *testing.T) {
	f, c := fixture(t)
	c.Track(t.Context(), "bought", about("ada", map[string]any{"groups": map[string]any{"company": "acme"}}), openfeature.NewTrackingEventDetails(9.5).Add("currency", "EUR"))
	c.Track(t.Context(), "looked", about("ada", nil), openfeature.TrackingEventDetails{})
	c.Track(t.Context(), "dropped", about("", nil), openfeature.NewTrackingEventDetails(1))
	got := f.Events()
	if len(got) != 2 || got[0].Name != "bought" || got[1].Name != "looked" {
		t.Fatalf("got %v", got)
	}
	if diff := cmp.Diff(got[0].Properties, map[string]any{"value": 9.5, "currency": "EUR"}); diff != "" || got[0].DistinctID != "ada" || got[0].Groups["company"] != "acme" {
		t.Errorf("%v (-got +want):\n%s", got[0], diff)
	}
	if _, there := got[1].Properties["value"]; there {
		t.Errorf("a value that nobody gave: %v", got[1].Properties)
	}
}

// news collects the events of a provider.
type news struct {
	mu  sync.Mutex
	got []string
}

func listen(api *openfeature.EvaluationAPI) *news {
	n := &news{}
	for _, kind := range []openfeature.EventType{openfeature.ProviderReady, openfeature.ProviderStale, openfeature.ProviderError, openfeature.ProviderConfigChange} {
		f := func(d openfeature.EventDetails) {
			text := strings.TrimPrefix(string(kind), "PROVIDER_")
			if kind == openfeature.ProviderConfigChange {
				text += " " + strings.Join(d.FlagChanges, ",")
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			n.got = append(n.got, text)
		}
		api.AddHandler(kind, &f)
	}
	return n
}

func (n *news) take() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	got := strings.Join(n.got, "; ")
	n.got = nil
	return got
}

func newServer(t *testing.T) *posthogtest.Server {
	srv := posthogtest.NewInMemory(t)
	srv.SetDefinitions([]byte(definitions))
	return srv
}

func newClient(t *testing.T, srv *posthogtest.Server, change func(*hogflags.Config)) *hogflags.Client {
	t.Helper()
	cfg := hogflags.Config{ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: srv.URL, HTTPClient: srv.Client()}
	if change != nil {
		change(&cfg)
	}
	c, err := hogflags.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		client := newClient(t, srv, func(cfg *hogflags.Config) { cfg.MaxAge = 10 * time.Minute })
		api := start(t, client, ofprovider.Config{})
		n := listen(api)
		expect := func(when, want string, state openfeature.State) {
			t.Helper()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := n.take(); got != want || api.NewClient().State() != state {
				t.Errorf("%s: %q, state %s; want %q, %s", when, got, api.NewClient().State(), want, state)
			}
		}
		expect("at the start", "READY", openfeature.ReadyState)
		change := func(edit func() error) {
			t.Helper()
			if err := errors.Join(edit(), client.ReloadFeatureFlags(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		change(func() error { return srv.SetActive("on", false) })
		expect("after a change", "CONFIGURATION_CHANGED on,unless", openfeature.ReadyState)
		change(func() error {
			srv.SetDefinitions([]byte(strings.Replace(definitions, `"cohorts":{}`, `"cohorts":{"1":{}}`, 1)))
			return nil
		})
		expect("after a change of cohorts", "CONFIGURATION_CHANGED big,blue,half,huge,inactive,on,pi,pro,secret,seven,unless", openfeature.ReadyState)
		srv.Fail(posthogtest.Failure{Status: 503})
		time.Sleep(time.Minute)
		expect("PostHog is down", "STALE", openfeature.StaleState)
		if on, err := api.NewClient().BooleanValue(t.Context(), "on", false, about("ada", nil)); !on || err != nil {
			t.Errorf("while stale: %v, %v", on, err)
		}
		time.Sleep(15 * time.Minute)
		expect("for long", "ERROR", openfeature.ErrorState)
		srv.Recover()
		time.Sleep(5 * time.Minute)
		expect("PostHog is back", "READY", openfeature.ReadyState)
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		expect("the client is closed", "STALE", openfeature.StaleState)
	})
}

// An initialization that fails leaves a provider that answers once it can.
func TestInitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Path: "/flags/definitions", Status: 503})
		api := isolated.NewAPI()
		defer func() { _ = api.Shutdown(context.Background()) }()
		n := listen(api)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		client := newClient(t, srv, func(cfg *hogflags.Config) { cfg.OnlyEvaluateLocally = true })
		err := api.SetProviderAndWait(ctx, ofprovider.New(client, ofprovider.Config{}))
		if took := time.Since(began); err == nil || took != 3*time.Second {
			t.Errorf("got %v after %v, want an error when the context ends", err, took)
		}
		synctest.Wait()
		if got := n.take(); got != "ERROR" {
			t.Errorf("events: %q, want ERROR", got)
		}
		d, err := api.NewClient().BooleanValueDetails(t.Context(), "on", false, about("ada", nil))
		if d.ErrorCode != openfeature.ProviderNotReadyCode || err == nil {
			t.Errorf("without definitions: %q, %v", d.ErrorCode, err)
		}
		srv.Recover()
		time.Sleep(5 * time.Minute)
		if got := n.take(); got != "READY" {
			t.Errorf("events: %q, want READY", got)
		}
		if on, err := api.NewClient().BooleanValue(t.Context(), "on", false, about("ada", nil)); !on || err != nil {
			t.Errorf("with definitions: %v, %v", on, err)
		}
		srv.Fail(posthogtest.Failure{Status: 503})
		began = time.Now()
		p := ofprovider.New(newClient(t, srv, nil), ofprovider.Config{})
		defer p.Shutdown()
		if err := p.Init(about("", nil)); err == nil || time.Since(began) != 10*time.Second {
			t.Errorf("without a deadline: %v after %v, want an error after 10 s", err, time.Since(began))
		}
	})
}

// A provider that is replaced before it is ready is shut down at once.
func TestShutdownDoesNotWaitForInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Path: "/flags/definitions", Status: 503})
		client := newClient(t, srv, func(cfg *hogflags.Config) { cfg.OnlyEvaluateLocally = true })
		p := ofprovider.New(client, ofprovider.Config{})
		defer p.Shutdown()
		began := time.Now()
		inits := make(chan error, 2)
		for range cap(inits) { // of two domains
			go func() { inits <- p.Init(about("", nil)) }()
		}
		time.Sleep(time.Second)
		p.Shutdown()
		if took := time.Since(began); took != time.Second {
			t.Errorf("shut down after %v, want at once", took)
		}
		for range cap(inits) {
			if err := <-inits; err == nil || time.Since(began) != time.Second {
				t.Errorf("init: %v after %v, want an error with the shutdown", err, time.Since(began))
			}
		}
		srv.Recover()
		time.Sleep(5 * time.Minute)
		if err := p.Init(about("", nil)); err != nil {
			t.Errorf("init again: %v", err)
		}
	})
}

func TestRemoteOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.SetPerson("ada", map[string]any{"plan": "pro"})
		client := newClient(t, srv, func(cfg *hogflags.Config) { cfg.SecretKey = "" })
		api := start(t, client, ofprovider.Config{})
		time.Sleep(time.Minute)
		d, err := api.NewClient().BooleanValueDetails(t.Context(), "pro", false, about("ada", nil))
		if !d.Value || err != nil || d.FlagMetadata["local"] != false || d.FlagMetadata["revision"] != nil || api.NewClient().State() != openfeature.ReadyState {
			t.Errorf("got %v, %v, %v, state %s", d.Value, d.FlagMetadata, err, api.NewClient().State())
		}
	})
}

// One provider for two domains, shut down and registered again.
func TestLifecycle(t *testing.T) {
	f := hogflagstest.New(t, hogflagstest.Config{Flags: hogflagstest.Flags{"on": true, "rich": hogflags.Override{Value: true, Payload: json.RawMessage(`{}`)}}})
	p := ofprovider.New(f.Client, ofprovider.Config{})
	for range 3 {
		api := isolated.NewAPI()
		for _, domain := range []string{"a", "b"} {
			if err := api.SetProviderAndWait(t.Context(), p, openfeature.WithDomain(domain)); err != nil {
				t.Fatal(err)
			}
			if on, err := api.NewClient(openfeature.WithDomain(domain)).BooleanValue(t.Context(), "on", false, about("ada", nil)); !on || err != nil {
				t.Errorf("%s: %v, %v", domain, on, err)
			}
		}
		if err := api.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		p.Shutdown() // twice does no harm
	}
	if on, err := f.Client.IsFeatureEnabled(t.Context(), "on", hogflags.Subject{DistinctID: "ada"}); !on || err != nil {
		t.Errorf("the client after the shutdown: %v, %v", on, err)
	}
}
