package relay_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/internal/cloudflaretest"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// busy is a relay that has had a request of each kind.
func busy(t *testing.T) *running {
	t.Helper()
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	kv := &workersKV{API: cloudflaretest.New()}
	r := start(t, up, sharing(store), kv.publishing, func(c *relay.Config, _ *relay.Options) { c.Limits.PerKey = relay.Rate{PerSecond: 0.001, Burst: 4} })
	r.ready(t)
	r.await(t, "it has published", "/readyz", func(answer) bool { return r.published(t).Written > 0 })
	r.send(t, http.MethodPost, "/flags?v=2", flagsBody(""), bearer...)
	r.send(t, http.MethodPost, "/flags?v=2", flagsBody(""))
	r.send(t, http.MethodPost, flagsPath, adaIsPro, bearer...)
	r.send(t, http.MethodPost, flagsPath+"/on", adaAlone, bearer...)
	r.ask(t, http.MethodGet, "/flags/definitions", bearer...)
	r.ask(t, http.MethodGet, "/flags/definitions", bearer...) // one too many
	r.ask(t, http.MethodGet, "/flags/definitions")
	return r
}

func TestMetrics(t *testing.T) {
	r := busy(t)
	s := r.subscribe(t, ofrepStream)
	s.next(t)
	body := r.ask(t, http.MethodGet, "/metrics").body
	for _, want := range []string{
		`hogflags_definitions_state{project="test",state="current"} 1`,
		`hogflags_definitions_flags{project="test"} 4`,
		`hogflags_leader{project="test"} 1`,
		`hogflags_leader_transitions_total{project="test"} 1`,
		`hogflags_upstream_requests_total{project="test",result="full"} 1`,
		`hogflags_store_operations_total{op="save",project="test"} 1`,
		`hogflags_http_requests_total{code="200",route="flags"} 2`,
		`hogflags_http_requests_total{code="200",route="definitions"} 1`,
		`hogflags_http_requests_total{code="429",route="definitions"} 1`,
		`hogflags_http_requests_total{code="401",route="definitions"} 1`,
		`hogflags_http_request_duration_seconds_count{route="ofrep"} 1`,
		`hogflags_http_request_duration_seconds_count{route="ofrep_bulk"} 1`,
		`hogflags_evaluations_total{mode="local",project="test"} 6`,
		`hogflags_evaluations_total{mode="remote",project="test"} 2`,
		`hogflags_evaluations_total{mode="failed",project="test"} 0`,
		`hogflags_remote_requests_total{project="test"} 1`,
		`hogflags_flags_forwarded_total{project="test",why="all flags"} 1`,
		`hogflags_shed_total{limit="key"} 1`,
		`hogflags_streams_active 1`,
		`process_resident_memory_bytes `,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if t.Failed() {
		t.Log(body)
	}
	for _, secret := range []string{key, posthogtest.SecretKey, `"ada"`, posthogtest.ProjectToken} {
		if strings.Contains(body, secret) {
			t.Errorf("%s is in the metrics", secret)
		}
	}
}

// The dashboard and the alerts use metrics that there are.
func TestMonitoring(t *testing.T) {
	exported := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(busy(t).ask(t, http.MethodGet, "/metrics").body, -1) {
		exported[line[1]] = true
	}
	var expressions []string
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	body, err := os.ReadFile("../examples/monitoring/dashboard.json")
	if err == nil {
		err = json.Unmarshal(body, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	var alerts struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if body, err = os.ReadFile("../examples/monitoring/alerts.yaml"); err == nil {
		err = yaml.Unmarshal(body, &alerts)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range alerts.Groups {
		for _, rule := range g.Rules {
			expressions = append(expressions, rule.Expr)
		}
	}
	if len(expressions) < 15 {
		t.Fatalf("%d expressions were found", len(expressions))
	}
	for _, e := range expressions {
		names := regexp.MustCompile(`hogflags_[a-z_]+`).FindAllString(e, -1)
		if len(names) == 0 {
			t.Errorf("no metric in %s", e)
		}
		for _, name := range names {
			if !exported[name] && !exported[strings.TrimSuffix(name, "_bucket")] {
				t.Errorf("%s is not exported: %s", name, e)
			}
		}
	}
}
