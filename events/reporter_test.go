package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// recorder keeps events, and refuses them as long as it has an error.
type recorder struct {
	mu     sync.Mutex
	events []Event
	err    error
	panics bool
}

func (r *recorder) Capture(_ context.Context, e Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.panics {
		panic("out of order")
	}
	if r.err != nil {
		return r.err
	}
	r.events = append(r.events, e)
	return nil
}

func newReporter(t *testing.T, cfg Config) *Reporter {
	t.Helper()
	r, err := NewReporter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ada(key string) Exposure {
	return Exposure{DistinctID: "ada", Key: key, Decided: true, Enabled: true}
}

// Everything that makes an exposure another one, makes another event.
func TestOncePerExposure(t *testing.T) {
	to := &recorder{}
	r := newReporter(t, Config{Sink: to})
	different := []Exposure{
		ada("a"), ada("b"),
		{DistinctID: "bob", Key: "a", Decided: true, Enabled: true},
		{DistinctID: "ada", Key: "a", Decided: true},
		{DistinctID: "ada", Key: "a"},
		{DistinctID: "ada", Key: "a", Decided: true, Enabled: true, Variant: "x"},
		{DistinctID: "ada", Key: "a", Decided: true, Enabled: true, Variant: "true"},
		{DistinctID: "ada", Key: "a", Decided: true, Enabled: true, DeviceID: "d"},
		{DistinctID: "ada", Key: "a", Decided: true, Enabled: true, Groups: map[string]any{"company": "acme"}},
		{DistinctID: "ada", Key: "a", Decided: true, Enabled: true, Groups: map[string]any{"acme": "company"}},
		{DistinctID: "ada", Key: "a", Decided: true, Enabled: true, Groups: map[string]any{"company": "acme", "team": 7}},
		{DistinctID: "a", Key: "daa", Decided: true, Enabled: true},
	}
	for range 3 {
		for _, e := range different {
			r.Report(t.Context(), e, Detail{})
			if !r.Seen(&e) {
				t.Errorf("%+v is not seen after its report", e)
			}
		}
	}
	if len(to.events) != len(different) {
		t.Errorf("%d events, want %d", len(to.events), len(different))
	}
	nobody := Exposure{Key: "a"}
	if r.Report(t.Context(), nobody, Detail{}); len(to.events) != len(different) || !r.Seen(&nobody) {
		t.Error("an exposure of nobody was reported")
	}
}

// A sink sends later, and the caller may change its groups by then.
func TestGroupsAreTheEventsOwn(t *testing.T) {
	to := &recorder{}
	groups := map[string]any{"company": "acme"}
	newReporter(t, Config{Sink: to}).Report(t.Context(), Exposure{DistinctID: "ada", Key: "a", Groups: groups}, Detail{})
	groups["company"] = "other"
	if got := to.events[0].Groups["company"]; got != "acme" {
		t.Errorf("the event is of company %v, want that of the exposure, acme", got)
	}
}

func TestReporterNeedsASink(t *testing.T) {
	if _, err := NewReporter(Config{}); err == nil {
		t.Error("a reporter without a sink was made")
	}
}

// What PostHog is told, in full and in the slim form.
func TestEventProperties(t *testing.T) {
	at := time.UnixMilli(1_790_000_000_123)
	full := Detail{
		ID: 12, Version: 3, Reason: "Matched condition set 1", Payload: json.RawMessage(`"{\"a\":1}"`), SessionID: "s",
		RequestID: "r", EvaluatedAt: at, DefinitionsAt: at.Add(time.Millisecond), LocallyEvaluated: true,
		ExperimentKnown: true, Errors: []string{ErrorsWhileComputing, FlagMissing},
	}
	e := Exposure{DistinctID: "ada", DeviceID: "d", Groups: map[string]any{"company": "acme"}, Key: "beta", Decided: true, Enabled: true, Variant: "fast"}
	slim := map[string]any{
		"$feature_flag": "beta", "$feature_flag_response": "fast", "locally_evaluated": true,
		"$feature_flag_has_experiment": false, "$feature_flag_id": int64(12), "$feature_flag_version": int64(3),
		"$feature_flag_reason": "Matched condition set 1", "$feature_flag_request_id": "r",
		"$feature_flag_evaluated_at": int64(1_790_000_000_123), "$feature_flag_error": "errors_while_computing_flags,flag_missing",
		"$session_id": "s", "$device_id": "d",
	}
	whole := map[string]any{
		"$feature/beta": "fast", "$feature_flag_payload": `{"a":1}`, "$feature_flag_definitions_loaded_at": int64(1_790_000_000_124),
	}
	maps.Copy(whole, slim)
	minimal, experiment, unknown := full, full, full
	minimal.Minimal = true
	experiment.Minimal, experiment.HasExperiment = true, true
	unknown.Minimal, unknown.ExperimentKnown = true, false
	with := func(has any) map[string]any {
		m := maps.Clone(whole)
		if m["$feature_flag_has_experiment"] = has; has == nil {
			delete(m, "$feature_flag_has_experiment")
		}
		return m
	}
	for name, tt := range map[string]struct {
		detail Detail
		want   map[string]any
	}{
		"full":                       {full, whole},
		"minimal":                    {minimal, slim},
		"minimal, but an experiment": {experiment, with(true)},
		"minimal, but not known":     {unknown, with(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			got := event(&e, &tt.detail, at)
			want := Event{Name: FlagCalled, DistinctID: "ada", Groups: map[string]any{"company": "acme"}, Properties: tt.want, Time: at}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
	bare := event(&Exposure{DistinctID: "ada", Key: "beta"}, &Detail{}, at)
	want := map[string]any{"$feature_flag": "beta", "$feature_flag_response": nil, "$feature/beta": nil, "locally_evaluated": false}
	if diff := cmp.Diff(bare.Properties, want); diff != "" {
		t.Errorf("nothing known (-got +want):\n%s", diff)
	}
}

func TestPayloadText(t *testing.T) {
	for raw, want := range map[string]string{`"plain"`: "plain", `{"a":1}`: `{"a":1}`, `"\u00e4\n"`: "ä\n", `7`: "7"} {
		if got := text(json.RawMessage(raw)); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}

// A refused event is reported at the next exposure; the log hears of it once.
func TestSinkRefuses(t *testing.T) {
	for name, tt := range map[string]*recorder{"error": {err: errors.New("queue full")}, "panic": {panics: true}} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			r := newReporter(t, Config{Sink: tt, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			a := ada("a")
			r.Report(t.Context(), a, Detail{})
			r.Report(t.Context(), a, Detail{})
			if r.Seen(&a) || strings.Count(log.String(), "event not taken") != 1 {
				t.Errorf("seen %v, log:\n%s", r.Seen(&a), &log)
			}
			tt.err, tt.panics = nil, false
			r.Report(t.Context(), a, Detail{})
			if !r.Seen(&a) || len(tt.events) != 1 {
				t.Errorf("after recovery: seen %v, %d events", r.Seen(&a), len(tt.events))
			}
		})
	}
}

// The share goes by the person: all processes agree, and experiments are whole.
func TestShare(t *testing.T) {
	one, two := &recorder{}, &recorder{}
	a, b := newReporter(t, Config{Sink: one, Share: 0.25}), newReporter(t, Config{Sink: two, Share: 0.25})
	const persons = 20_000
	for i := range persons {
		id := fmt.Sprint("person-", i)
		for _, key := range []string{"a", "b"} {
			e := Exposure{DistinctID: id, Key: key, Decided: true}
			a.Report(t.Context(), e, Detail{ExperimentKnown: true})
			b.Report(t.Context(), e, Detail{ExperimentKnown: true})
		}
	}
	if len(one.events) != len(two.events) {
		t.Errorf("two processes report %d and %d events", len(one.events), len(two.events))
	}
	reported := map[string]int{}
	for _, e := range one.events {
		reported[e.DistinctID]++
	}
	if n := len(reported); n < persons*24/100 || n > persons*26/100 {
		t.Errorf("%d of %d persons are reported, want a quarter", n, persons)
	}
	for id, n := range reported {
		if n != 2 {
			t.Fatalf("%s is reported for %d flags of 2", id, n)
		}
	}
	for name, d := range map[string]Detail{"experiment": {HasExperiment: true, ExperimentKnown: true}, "not known": {}} {
		to := &recorder{}
		r := newReporter(t, Config{Sink: to, Share: 0.01})
		for i := range 500 {
			r.Report(t.Context(), Exposure{DistinctID: fmt.Sprint(i), Key: "a"}, d)
		}
		if len(to.events) != 500 {
			t.Errorf("%s: %d of 500 are reported, want all", name, len(to.events))
		}
	}
	for _, share := range []float64{-0.1, 1.1} {
		if _, err := NewReporter(Config{Sink: one, Share: share}); err == nil {
			t.Errorf("share %v is taken", share)
		}
	}
}

// Goroutines that report the same at a time send it once.
func TestReportConcurrently(t *testing.T) {
	to := &recorder{}
	r := newReporter(t, Config{Sink: to})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2000 {
				e := ada(fmt.Sprint(i))
				if !r.Seen(&e) {
					r.Report(t.Context(), e, Detail{})
				}
			}
		})
	}
	wg.Wait()
	if len(to.events) != 2000 {
		t.Errorf("%d events, want 2000", len(to.events))
	}
}

// Whatever comes in, a fingerprint that was just added is remembered, and adding
// it again says so.
func TestSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := new(seen)
		bucket := rapid.Uint64Range(0, 2).Draw(t, "bucket")
		prints := rapid.SliceOfN(rapid.Uint64Range(0, 40), 1, 60).Draw(t, "prints")
		for _, n := range prints {
			print := (n<<58|n<<20)/buckets*buckets + bucket + buckets
			had := s.has(print)
			if s.add(print) == had {
				t.Fatalf("add of %x: had it before %v", print, had)
			}
			if !s.has(print) || s.add(print) {
				t.Fatalf("%x is not remembered", print)
			}
		}
		last := (prints[0]<<58|prints[0]<<20)/buckets*buckets + bucket + buckets
		s.forget(last)
		if s.has(last) {
			t.Fatal("forgotten and still there")
		}
	})
}

// Memory is bounded, and what is in use is mostly remembered.
func TestSeenRemembersMost(t *testing.T) {
	r := newReporter(t, Config{Sink: &recorder{}})
	const n = buckets * ways / 2
	for i := range n {
		e := ada(fmt.Sprint(i))
		r.seen.add(e.print())
	}
	lost := 0
	for i := range n {
		e := ada(fmt.Sprint(i))
		if !r.Seen(&e) {
			lost++
		}
	}
	if lost > n/50 {
		t.Errorf("%d of %d exposures are forgotten at half of the capacity", lost, n)
	}
}

func TestSeenAllocates(t *testing.T) {
	r := newReporter(t, Config{Sink: &recorder{}})
	e := Exposure{DistinctID: "ada", Key: "a", Decided: true, Variant: "x", DeviceID: "d", Groups: map[string]any{"company": "acme"}}
	if got := testing.AllocsPerRun(100, func() { r.Seen(&e) }); got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
}

func TestLogSink(t *testing.T) {
	var out bytes.Buffer
	s := NewLogSink(slog.New(slog.NewJSONHandler(&out, nil)))
	if err := s.Capture(t.Context(), event(&Exposure{DistinctID: "ada", Key: "a", Decided: true, Groups: map[string]any{"company": 7}}, &Detail{}, time.Now())); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "time")
	want := map[string]any{
		"level": "INFO", "msg": "$feature_flag_called", "distinct_id": "ada", "groups": map[string]any{"company": 7.0},
		"properties": map[string]any{"$feature_flag": "a", "$feature_flag_response": false, "$feature/a": false, "locally_evaluated": false},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	quiet := NewLogSink(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelError})))
	out.Reset()
	if err := quiet.Capture(t.Context(), Event{}); err != nil || out.Len() != 0 {
		t.Errorf("got %v, %s", err, &out)
	}
}

func BenchmarkSeen(b *testing.B) {
	r, err := NewReporter(Config{Sink: &recorder{}})
	if err != nil {
		b.Fatal(err)
	}
	e := Exposure{DistinctID: "0199d0a1-0000-7000-8000-0123456789ab", Key: "checkout", Decided: true, Enabled: true, Variant: "fast"}
	r.Report(b.Context(), e, Detail{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		e := e
		for pb.Next() {
			if !r.Seen(&e) {
				b.Error("not seen")
			}
		}
	})
}
