//go:build !race

package hogflags

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const allocDefinitions = `{"flags":[
 {"key":"on","active":true,"filters":{"groups":[{"rollout_percentage":50,"properties":[{"key":"plan","type":"person","operator":"exact","value":["pro","team"]}]}]}},
 {"key":"variant","active":true,"filters":{"groups":[{}],"multivariate":{"variants":[{"key":"a","rollout_percentage":50},{"key":"b","rollout_percentage":50}]}}},
 {"key":"child","active":true,"filters":{"groups":[{"properties":[{"key":"on","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":["on"]}]}]}}
]}`

// idle is an observer that looks away.
type idle struct{}

func (idle) Watch(func() Status)    {}
func (idle) Evaluated(Outcome, int) {}
func (idle) Asked(RemoteRequest)    {}

// quietClient is ready and will not poll while a test measures.
func quietClient(tb testing.TB) *Client {
	tb.Helper()
	return quietClientOf(tb, allocDefinitions)
}

func quietClientOf(tb testing.TB, definitions string) *Client {
	tb.Helper()
	srv := posthogtest.NewInMemory(tb)
	srv.SetDefinitions([]byte(definitions))
	c, err := New(tb.Context(), Config{
		ProjectToken: posthogtest.ProjectToken,
		SecretKey:    posthogtest.SecretKey,
		Host:         srv.URL,
		HTTPClient:   srv.Client(),
		PollInterval: time.Hour,
		Events:       events.NewLogSink(slog.New(slog.DiscardHandler)),
		Observer:     idle{},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	if err := c.WaitUntilReady(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return c
}

// A single flag, whose exposure was reported before, costs no allocation beyond
// what evaluating the rules costs, and that is none but for the interface around a
// variant's key.
func TestSingleFlagAllocations(t *testing.T) {
	c := quietClient(t)
	ctx := t.Context()
	subject := Subject{DistinctID: "u", PersonProperties: map[string]any{"plan": "pro"}}
	set := c.loader.Rules()
	var sink any
	for _, key := range []string{"on", "variant", "child"} {
		timed := subject
		timed.Now = time.Now()
		if a := set.Evaluate(key, &timed); a.Status != Decided {
			t.Fatalf("%s: %+v, want it decided", key, a)
		}
		rules := testing.AllocsPerRun(1000, func() { sink = set.Evaluate(key, &timed).Value() })
		get := testing.AllocsPerRun(1000, func() { sink, _ = c.GetFeatureFlag(ctx, key, subject) })
		enabled := testing.AllocsPerRun(1000, func() { _, _ = c.IsFeatureEnabled(ctx, key, subject) })
		result := testing.AllocsPerRun(1000, func() { _, _ = c.GetFeatureFlagResult(ctx, key, subject) })
		options := testing.AllocsPerRun(1000, func() {
			_, _ = c.IsFeatureEnabled(ctx, key, subject, OnlyEvaluateLocally(), GeoIP(true), SendFeatureFlagEvents(false))
		})
		if get > rules || enabled+result+options > 0 {
			t.Errorf("%s: GetFeatureFlag allocates %v times, IsFeatureEnabled %v, with options %v, GetFeatureFlagResult %v; want at most the rules' %v, and 0",
				key, get, enabled, options, result, rules)
		}
	}
	runtime.KeepAlive(sink)
}

// A read of a snapshot costs nothing but the interface around a variant's key.
func TestSnapshotAllocations(t *testing.T) {
	c := quietClient(t)
	e, err := c.EvaluateFlags(t.Context(), Subject{DistinctID: "u", PersonProperties: map[string]any{"plan": "pro"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(100, func() { e.IsEnabled("on"); e.Variant("variant"); e.IsEnabled("child", true) }); got > 0 {
		t.Errorf("%v allocations, want none", got)
	}
}

// A snapshot of five flags costs the same, whether there are five or a thousand.
func TestSnapshotOfFewFlagsAmongMany(t *testing.T) {
	keys := []string{"f1", "f200", "f400", "f600", "f800"}
	bytes := func(flags ...string) uint64 {
		var document strings.Builder
		document.WriteString(`{"flags":[`)
		for i, key := range flags {
			if i > 0 {
				document.WriteByte(',')
			}
			fmt.Fprintf(&document, `{"key":%q,"active":true,"filters":{"groups":[{"rollout_percentage":50}]}}`, key)
		}
		document.WriteString(`]}`)
		c := quietClientOf(t, document.String())
		subject := Subject{DistinctID: "u"}
		const n = 1000
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range n {
			e, err := c.EvaluateFlags(t.Context(), subject, FlagKeys(keys...))
			if err != nil || len(e.Keys()) != len(keys) {
				t.Fatal(e.Keys(), err)
			}
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / n
	}
	var thousand []string
	for i := range 1000 {
		thousand = append(thousand, fmt.Sprint("f", i))
	}
	few, many := bytes(keys...), bytes(thousand...)
	if many > few+few/10 {
		t.Errorf("five flags of 1,000 take %d bytes, of five %d", many, few)
	}
}

// What a caller passes must be free to go once the call has returned.
func TestEvaluationLetsGoOfTheSubject(t *testing.T) {
	c := quietClient(t)
	evaluate := func() weak.Pointer[[64]byte] {
		property := new([64]byte)
		subject := Subject{DistinctID: "u", PersonProperties: map[string]any{"plan": "pro", "large": property}}
		if _, err := c.GetFeatureFlag(t.Context(), "on", subject); err != nil {
			t.Fatal(err)
		}
		return weak.Make(property)
	}
	property := evaluate()
	runtime.GC()
	if property.Value() != nil {
		t.Error("the client keeps a subject alive after evaluating it")
	}
}

func BenchmarkIsFeatureEnabled(b *testing.B) {
	c := quietClient(b)
	subject := Subject{DistinctID: "u", PersonProperties: map[string]any{"plan": "pro"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.IsFeatureEnabled(b.Context(), "on", subject); err != nil {
			b.Fatal(err)
		}
	}
}
