package posthogtransport_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/posthogtransport"
)

// A wrong is a flag that posthog-go answers otherwise than PostHog.
type wrong struct {
	what       string
	filter     string // of the one condition
	properties posthog.Properties
	server     any    // PostHog's answer
	alone      string // posthog-go's own
}

var wrongs = []wrong{
	{"not in a cohort; somebody outside of it", `{"key":"id","type":"cohort","operator":"not_in","value":1}`, posthog.Properties{"plan": "free"}, true, "false"},
	{"plan is `Pro`; `pro`", `{"key":"plan","type":"person","operator":"exact","value":"Pro"}`, posthog.Properties{"plan": "pro"}, true, "false"},
	{"seats are `9`; the number 9", `{"key":"seats","type":"person","operator":"exact","value":"9"}`, posthog.Properties{"seats": 9}, true, "false"},
	{"seats above `9`; the text `10`", `{"key":"seats","type":"person","operator":"gt","value":"9"}`, posthog.Properties{"seats": "10"}, true, "error"},
	{"e-mail matches `^(?!test)`; `ada@example.com`", `{"key":"email","type":"person","operator":"regex","value":"^(?!test)"}`, posthog.Properties{"email": "ada@example.com"}, true, "false"},
	{"in a cohort by a plan that is not given; PostHog has it stored", `{"key":"id","type":"cohort","operator":"in","value":1}`, posthog.Properties{"seats": 1}, true, "false"},
}

// project is a flag for each wrong, and a document of just one of them.
func (w wrong) definitions() []byte {
	return fmt.Appendf(nil, `{"flags":[{"id":7,"key":"flag","version":3,"active":true,"filters":{"groups":[{"rollout_percentage":100,"properties":[%s]}],
		"payloads":{"true":"\"yes\""}}}],"group_type_mapping":{},
		"cohorts":{"1":{"type":"OR","values":[{"type":"AND","values":[{"key":"plan","type":"person","operator":"exact","value":"pro"}]}]}}}`, w.filter)
}

// ask is one call of the application.
func (w wrong) ask(c posthog.Client) string {
	v, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{Key: "flag", DistinctId: "ada", PersonProperties: w.properties})
	if err != nil {
		return "error"
	}
	return fmt.Sprint(v)
}

// The program is the same; only the line that configures it differs.
func TestWhatPosthogGoAnswersWrongly(t *testing.T) {
	var table strings.Builder
	table.WriteString("| the flag asks for, and the caller gives | PostHog | posthog-go alone | posthog-go with `ConfigureEvaluation` |\n|---|---|---|---|\n")
	for _, w := range wrongs {
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(t)
			srv.SetDefinitions(w.definitions())
			srv.SetPerson("ada", map[string]any{"plan": "pro"})
			alone, with := config(srv), config(srv)
			alone.Transport = localOnly{srv}
			if err := posthogtransport.ConfigureEvaluation(&with, newClient(t, srv, nil)); err != nil {
				t.Fatal(err)
			}
			gotAlone, gotWith := w.ask(start(t, alone)), w.ask(start(t, with))
			if gotAlone != w.alone || gotWith != fmt.Sprint(w.server) {
				t.Errorf("%s: alone %s, want %s; with hogflags %s, want %v", w.what, gotAlone, w.alone, gotWith, w.server)
			}
			how := ""
			asks := strings.Contains(w.what, "not given")
			if asks {
				how = ", asks PostHog"
			}
			if asked := srv.asked("/flags") > 0; asked != asks {
				t.Errorf("%s: asked PostHog: %v, want %v", w.what, asked, asks)
			}
			fmt.Fprintf(&table, "| %s | %v | **%s** | %s%s |\n", w.what, w.server, gotAlone, gotWith, how)
		})
	}
	docs, err := os.ReadFile("../docs/posthog-go.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(docs, []byte(table.String())) {
		t.Errorf("docs/posthog-go.md does not have the table:\n%s", table.String())
	}
}

// localOnly has posthog-go alone do without POST /flags.
type localOnly struct{ srv *posthogServer }

func (l localOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.TrimSuffix(req.URL.Path, "/") == "/flags" {
		return nil, fmt.Errorf("posthog-go could not decide and asked")
	}
	return l.srv.RoundTrip(req)
}

// What PostHog would have answered is answered here, byte for byte but for the
// request's id and time.
func TestAnswersAsPostHog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		client := newClient(t, srv, nil)
		cfg := config(srv)
		if err := posthogtransport.ConfigureEvaluation(&cfg, client); err != nil {
			t.Fatal(err)
		}
		settle()
		const company = `"groups":{"company":"acme"},"group_properties":{"company":{"size":10}}`
		for name, tt := range map[string]struct {
			path, body string
			here       bool
		}{
			"all flags":         {"/flags/?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada","person_properties":{"plan":"pro"},` + company + `,"geoip_disable":true}`, true},
			"no trailing slash": {"/flags?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada","person_properties":{"plan":"pro"},` + company + `}`, true},
			"a path before":     {"/ingest/flags/?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada","person_properties":{"plan":"pro"},` + company + `}`, true},
			"named flags":       {"/flags/?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada","flag_keys_to_evaluate":["on","half"]}`, true},
			"a device":          {"/flags/?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada","device_id":"d","flag_keys_to_evaluate":["on"]}`, true},
			"one undecided":     {"/flags/?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada"}`, false},
			"named undecided":   {"/flags/?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada","flag_keys_to_evaluate":["on","checkout"]}`, false},
			"named unknown":     {"/flags/?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada","flag_keys_to_evaluate":["on","survey"]}`, false},
			"another project":   {"/flags/?v=2", `{"api_key":"phc_other","distinct_id":"ada","flag_keys_to_evaluate":["on"]}`, false},
			"another member":    {"/flags/?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada","$anon_distinct_id":"x","flag_keys_to_evaluate":["on"]}`, false},
			"no distinct id":    {"/flags/?v=2", `{"api_key":"phc_posthogtest","flag_keys_to_evaluate":["on"]}`, false},
			"two documents":     {"/flags/?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada","flag_keys_to_evaluate":["on"]}{}`, false},
			"no JSON":           {"/flags/?v=2", `on`, false},
			"config wanted":     {"/flags/?v=2&config=true", `{"api_key":"phc_posthogtest","distinct_id":"ada","flag_keys_to_evaluate":["on"]}`, false},
			"another version":   {"/flags/?v=1", `{"api_key":"phc_posthogtest","distinct_id":"ada","flag_keys_to_evaluate":["on"]}`, false},
			"bad query":         {"/flags/?v=2&%zz", `{"api_key":"phc_posthogtest","distinct_id":"ada","flag_keys_to_evaluate":["on"]}`, false},
			"large":             {"/flags/?v=2", `{"api_key":"phc_posthogtest","distinct_id":"ada","flag_keys_to_evaluate":["on"],"person_properties":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`, false},
		} {
			post := func(through http.RoundTripper) (int, string) {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+tt.path, strings.NewReader(tt.body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("X-Request-Id", "0199d0a1-0000-7000-8000-0123456789ab")
				resp, err := through.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				var got any
				var text bytes.Buffer
				_, _ = text.ReadFrom(resp.Body)
				if json.Unmarshal(text.Bytes(), &got) == nil {
					delete(got.(map[string]any), "evaluatedAt")
					again, _ := json.Marshal(got)
					return resp.StatusCode, string(again)
				}
				return resp.StatusCode, text.String()
			}
			wantStatus, want := 0, ""
			if name == "a path before" { // the fake PostHog has none
				tt.path = "/flags/?v=2"
				wantStatus, want = post(srv)
				tt.path = "/ingest/flags/?v=2"
			} else {
				wantStatus, want = post(srv)
			}
			before := len(srv.Requests())
			status, got := post(cfg.Transport)
			if diff := cmp.Diff(got, want); diff != "" || status != wantStatus {
				t.Errorf("%s: got %d, PostHog %d (-got +PostHog):\n%s", name, status, wantStatus, diff)
			}
			if here := len(srv.Requests()) == before; here != tt.here {
				t.Errorf("%s: answered here %v, want %v", name, here, tt.here)
			}
		}
	})
}

// The application's other calls go on working, and its log stays quiet.
func TestProgramWithEvaluation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone := newServer(t)
		values, _ := run(t, alone, config(alone))
		srv := newServer(t)
		cfg := config(srv)
		log := &recorder{}
		cfg.Logger = log
		if err := posthogtransport.ConfigureEvaluation(&cfg, newClient(t, srv, nil)); err != nil {
			t.Fatal(err)
		}
		c := start(t, cfg)
		whole := program(c)
		// Calls for one flag give no group, and one of the flags needs it.
		if diff := cmp.Diff(whole, values); diff != "" {
			t.Errorf("values (-got +alone):\n%s", diff)
		}
		if log.String() != "" {
			t.Errorf("log: %s", log)
		}
		if v, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{Key: "on", DistinctId: "ada", OnlyEvaluateLocally: true}); err == nil {
			t.Errorf("locally only: got %v, want an error and no guess", v)
		}
		if err := srv.SetActive("on", false); err != nil {
			t.Fatal(err)
		}
		if err := c.ReloadFeatureFlags(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		v, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{Key: "on", DistinctId: "ada"})
		if v != false || err != nil {
			t.Errorf("after a reload: got %v, %v", v, err)
		}
	})
}

// Without definitions everything goes to PostHog.
func TestEvaluationBeforeDefinitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Path: "/flags/definitions", Status: 503})
		cfg := config(srv)
		if err := posthogtransport.ConfigureEvaluation(&cfg, newClient(t, srv, func(*hogflags.Config) {})); err != nil {
			t.Fatal(err)
		}
		v, err := start(t, cfg).GetFeatureFlag(posthog.FeatureFlagPayload{Key: "on", DistinctId: "ada"})
		if v != true || err != nil || srv.asked("/flags") == 0 {
			t.Errorf("got %v, %v", v, err)
		}
	})
}

// A request that is not posthog-go's goes to PostHog, whatever it lacks.
func TestFlagsWithoutABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		cfg := config(srv)
		if err := posthogtransport.ConfigureEvaluation(&cfg, newClient(t, srv, func(*hogflags.Config) {})); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/flags?v=2", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := cfg.Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if srv.asked("/flags") != 1 {
			t.Errorf("PostHog was not asked, the status is %s", resp.Status)
		}
	})
}

// Definitions change, and are reloaded, while flags are read.
func TestManyAtATime(t *testing.T) {
	srv := newServer(t)
	client := newClient(t, srv, nil)
	cfg := config(srv)
	if err := posthogtransport.ConfigureEvaluation(&cfg, client); err != nil {
		t.Fatal(err)
	}
	c := start(t, cfg)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for i := range 6 {
		readers.Go(func() {
			id := fmt.Sprint("user-", i)
			for last := false; !last; {
				select {
				case <-done:
					last = true
				default:
				}
				v, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{
					Key: "on", DistinctId: id, PersonProperties: posthog.Properties{"plan": "pro"},
					Groups: posthog.Groups{"company": "acme"}, GroupProperties: map[string]posthog.Properties{"company": {"size": 10}},
				})
				if _, ok := v.(bool); !ok || err != nil {
					t.Errorf("got %v, %v", v, err)
				}
				if last && v != false {
					t.Errorf("after the last change: got %v, want false", v)
				}
			}
		})
	}
	for i := range 12 {
		if err := srv.SetActive("on", i%2 == 0); err != nil {
			t.Fatal(err)
		}
		if i%4 == 0 {
			if err := c.ReloadFeatureFlags(); err != nil {
				t.Error(err)
			}
		}
		if err := client.ReloadFeatureFlags(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(done)
	readers.Wait()
}
