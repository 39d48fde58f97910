package promobserver_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/observe/promobserver"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const definitions = `{"flags":[{"key":"on","active":true,"filters":{"groups":[{}]}},
 {"key":"asks","active":true,"filters":{"groups":[{"properties":[{"key":"plan","type":"person","value":"pro"}]}]}}]}`

// scrape gives the metrics of hogflags without what differs from run to run.
func scrape(t *testing.T, registry *prometheus.Registry) []string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || strings.Contains(line, "_bucket") || strings.Contains(line, "_sum") {
			continue
		}
		if name, _, ok := strings.Cut(line, " "); ok && strings.Contains(name, "age_seconds") {
			line = name
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func TestMetrics(t *testing.T) {
	server := posthogtest.New(t)
	server.SetDefinitions([]byte(definitions))
	observer, registry := promobserver.New(), prometheus.NewPedanticRegistry()
	registry.MustRegister(observer)
	if got := scrape(t, registry); len(got) != 5 { // the outcomes and the histogram
		t.Errorf("before there is a client: %q", got)
	}
	client, err := hogflags.New(t.Context(), hogflags.Config{
		ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: server.URL, HTTPClient: server.Client(),
		PollInterval: time.Hour, Observer: observer,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.WaitUntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	u := hogflags.Subject{DistinctID: "u"}
	for _, key := range []string{"on", "on", "asks", "nope"} {
		_, _ = client.GetFeatureFlag(t.Context(), key, u)
	}
	_, _ = client.EvaluateFlags(t.Context(), u, hogflags.OnlyEvaluateLocally())
	server.Fail(posthogtest.Failure{Status: 500})
	for range 7 {
		_, _ = client.GetFeatureFlag(t.Context(), "asks", u)
	}
	want := []string{
		`hogflags_definitions_age_seconds`,
		`hogflags_definitions_flags 2`,
		`hogflags_definitions_requests_total{result="failed"} 0`,
		`hogflags_definitions_requests_total{result="full"} 1`,
		`hogflags_definitions_requests_total{result="not_modified"} 0`,
		`hogflags_definitions_state{state="closed"} 0`,
		`hogflags_definitions_state{state="current"} 1`,
		`hogflags_definitions_state{state="empty"} 0`,
		`hogflags_definitions_state{state="loading"} 0`,
		`hogflags_definitions_state{state="stale"} 0`,
		`hogflags_evaluations_total{outcome="inconclusive"} 8`,
		`hogflags_evaluations_total{outcome="local"} 3`,
		`hogflags_evaluations_total{outcome="not_found"} 1`,
		`hogflags_evaluations_total{outcome="remote"} 1`,
		`hogflags_remote_request_duration_seconds_count 7`,
		`hogflags_remote_requests_total{cause="inconclusive",result="answered"} 1`,
		`hogflags_remote_requests_total{cause="inconclusive",result="circuit_open"} 2`,
		`hogflags_remote_requests_total{cause="inconclusive",result="failed"} 5`,
		`hogflags_remote_requests_total{cause="unknown_key",result="answered"} 1`,
	}
	if diff := cmp.Diff(scrape(t, registry), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// Two clients share a registry under labels of their own.
func TestTwoClients(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, name := range []string{"shop", "blog"} {
		prometheus.WrapRegistererWith(prometheus.Labels{"client": name}, registry).MustRegister(promobserver.New())
	}
	if got := scrape(t, registry); len(got) != 10 {
		t.Errorf("got %q", got)
	}
}

func Example() {
	observer := promobserver.New()
	registry := prometheus.NewRegistry() // or prometheus.DefaultRegisterer
	registry.MustRegister(observer)
	server, err := posthogtest.Start(posthogtest.Config{Definitions: []byte(definitions)})
	if err != nil {
		panic(err)
	}
	defer server.Close()
	client, err := hogflags.New(context.Background(), hogflags.Config{
		ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: server.URL, HTTPClient: server.Client(),
		Observer: observer,
	})
	if err != nil {
		panic(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.WaitUntilReady(context.Background()); err != nil {
		panic(err)
	}
	on, err := client.IsFeatureEnabled(context.Background(), "on", hogflags.Subject{DistinctID: "ada"})
	fmt.Println(on, err)
	families, err := registry.Gather()
	fmt.Println(families[3].GetName(), err)
	// Output:
	// true <nil>
	// hogflags_definitions_state <nil>
}
