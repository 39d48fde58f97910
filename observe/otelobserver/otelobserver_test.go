package otelobserver_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/observe/otelobserver"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const definitions = `{"flags":[{"key":"on","active":true,"filters":{"groups":[{}]}},
 {"key":"asks","active":true,"filters":{"groups":[{"properties":[{"key":"plan","type":"person","value":"pro"}]}]}}]}`

func labels(set attribute.Set) string {
	var pairs []string
	for _, kv := range set.ToSlice() {
		pairs = append(pairs, string(kv.Key)+"="+kv.Value.Emit())
	}
	return strings.Join(pairs, ",")
}

// collect gives what a reader reads, without what differs from run to run.
func collect(t *testing.T, reader metric.Reader) (lines []string) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprintf("%s{%s} %d", m.Name, labels(p.Attributes), p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprintf("%s{%s} %d", m.Name, labels(p.Attributes), p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprintf("%s{%s}", m.Name, labels(p.Attributes)))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprintf("%s{%s} count %d", m.Name, labels(p.Attributes), p.Count))
				}
			default:
				t.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func TestMetrics(t *testing.T) {
	server := posthogtest.New(t)
	server.SetDefinitions([]byte(definitions))
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	defer func() { _ = provider.Shutdown(context.WithoutCancel(t.Context())) }()
	observer, err := otelobserver.New(provider.Meter("test"), attribute.String("client", "shop"))
	if err != nil {
		t.Fatal(err)
	}
	if got := collect(t, reader); got != nil {
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
	server.Fail(posthogtest.Failure{Status: 500})
	for range 7 {
		_, _ = client.GetFeatureFlag(t.Context(), "asks", u)
	}
	want := []string{
		"hogflags.definitions.age{client=shop}",
		"hogflags.definitions.flags{client=shop} 2",
		"hogflags.definitions.requests{client=shop,result=failed} 0",
		"hogflags.definitions.requests{client=shop,result=full} 1",
		"hogflags.definitions.requests{client=shop,result=not_modified} 0",
		"hogflags.definitions.state{client=shop,state=closed} 0",
		"hogflags.definitions.state{client=shop,state=current} 1",
		"hogflags.definitions.state{client=shop,state=empty} 0",
		"hogflags.definitions.state{client=shop,state=loading} 0",
		"hogflags.definitions.state{client=shop,state=stale} 0",
		"hogflags.evaluations{client=shop,outcome=inconclusive} 7",
		"hogflags.evaluations{client=shop,outcome=local} 2",
		"hogflags.evaluations{client=shop,outcome=not_found} 1",
		"hogflags.evaluations{client=shop,outcome=remote} 1",
		"hogflags.remote.duration{client=shop} count 7",
		"hogflags.remote.requests{cause=inconclusive,client=shop,result=answered} 1",
		"hogflags.remote.requests{cause=inconclusive,client=shop,result=circuit_open} 2",
		"hogflags.remote.requests{cause=inconclusive,client=shop,result=failed} 5",
		"hogflags.remote.requests{cause=unknown_key,client=shop,result=answered} 1",
	}
	if diff := cmp.Diff(collect(t, reader), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if allocs := testing.AllocsPerRun(100, func() { observer.Evaluated(hogflags.OutcomeLocal, 1) }); allocs > 1 {
		t.Errorf("an evaluation costs %v allocations", allocs)
	}
}

func Example() {
	reader := metric.NewManualReader() // or one that exports
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	observer, err := otelobserver.New(provider.Meter("shop"))
	if err != nil {
		panic(err)
	}
	client, err := hogflags.New(context.Background(), hogflags.Config{ProjectToken: "phc_example", Observer: observer})
	if err != nil {
		panic(err)
	}
	defer func() { _ = client.Close() }()
	var metrics metricdata.ResourceMetrics
	err = reader.Collect(context.Background(), &metrics)
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		fmt.Println(m.Name, err)
	}
	// Output:
	// hogflags.definitions.state <nil>
	// hogflags.definitions.flags <nil>
	// hogflags.definitions.requests <nil>
}
