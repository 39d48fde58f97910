// Package otelobserver shows what a client does as OpenTelemetry metrics.
//
//	hogflags.evaluations             counter {outcome}: local, remote, inconclusive, not_found
//	hogflags.remote.requests         counter {cause, result}: why PostHog was asked, and what came of it
//	hogflags.remote.duration         histogram, in seconds, of those that were sent
//	hogflags.definitions.state       gauge {state}: 1 for empty, loading, current, stale or closed
//	hogflags.definitions.age         gauge, in seconds, since PostHog confirmed them; absent if not known
//	hogflags.definitions.flags       gauge: how many are defined
//	hogflags.definitions.requests    counter {result}: full, not_modified, failed
//
// For traces of the requests themselves, wrap the transport of
// [hogflags.Config.HTTPClient].
package otelobserver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/resolve"
)

// Observer is a [hogflags.Observer]. It is safe for concurrent use.
type Observer struct {
	evaluations metric.Int64Counter
	outcomes    [hogflags.Outcomes][]metric.AddOption
	requests    metric.Int64Counter
	duration    metric.Float64Histogram

	state  metric.Int64ObservableGauge
	age    metric.Float64ObservableGauge
	flags  metric.Int64ObservableGauge
	polls  metric.Int64ObservableCounter
	status atomic.Pointer[func() hogflags.Status]

	with func(more ...attribute.KeyValue) metric.MeasurementOption // attributes of the client and more
}

// New makes an observer for one client. attributes go with everything that it
// records, to tell clients of one meter apart.
func New(meter metric.Meter, attributes ...attribute.KeyValue) (*Observer, error) {
	o := new(Observer)
	var errs [7]error
	o.evaluations, errs[0] = meter.Int64Counter("hogflags.evaluations", metric.WithDescription("Flags evaluated by outcome."), metric.WithUnit("{flag}"))
	o.requests, errs[1] = meter.Int64Counter("hogflags.remote.requests", metric.WithDescription("Remote evaluations by cause and result."), metric.WithUnit("{request}"))
	o.duration, errs[2] = meter.Float64Histogram("hogflags.remote.duration", metric.WithDescription("How long remote evaluations took."), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5))
	o.state, errs[3] = meter.Int64ObservableGauge("hogflags.definitions.state", metric.WithDescription("Whether the definitions are in this state: 1 or 0."))
	o.age, errs[4] = meter.Float64ObservableGauge("hogflags.definitions.age", metric.WithDescription("Time since PostHog confirmed the definitions."), metric.WithUnit("s"))
	o.flags, errs[5] = meter.Int64ObservableGauge("hogflags.definitions.flags", metric.WithDescription("How many flags are defined."), metric.WithUnit("{flag}"))
	o.polls, errs[6] = meter.Int64ObservableCounter("hogflags.definitions.requests", metric.WithDescription("Requests for definitions by result."), metric.WithUnit("{request}"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("make instruments: %w", err)
	}
	o.with = func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(more, attributes...)...))
	}
	for outcome := range o.outcomes {
		o.outcomes[outcome] = []metric.AddOption{o.with(attribute.String("outcome", hogflags.Outcome(outcome).String()))}
	}
	_, err := meter.RegisterCallback(o.observe, o.state, o.age, o.flags, o.polls)
	if err != nil {
		return nil, fmt.Errorf("observe the definitions: %w", err)
	}
	return o, nil
}

// Watch implements [hogflags.Observer].
func (o *Observer) Watch(status func() hogflags.Status) { o.status.Store(&status) }

// Evaluated implements [hogflags.Observer].
func (o *Observer) Evaluated(outcome hogflags.Outcome, n int) {
	o.evaluations.Add(context.Background(), int64(n), o.outcomes[outcome]...)
}

// Asked implements [hogflags.Observer].
func (o *Observer) Asked(r hogflags.RemoteRequest) {
	ctx := context.Background()
	o.requests.Add(ctx, 1, o.with(attribute.String("cause", r.Cause.String()), attribute.String("result", r.Result())))
	if !errors.Is(r.Err, resolve.ErrCircuitOpen) {
		o.duration.Record(ctx, r.Duration.Seconds(), o.with())
	}
}

// observe is called when metrics are collected.
func (o *Observer) observe(_ context.Context, to metric.Observer) error {
	watched := o.status.Load()
	if watched == nil {
		return nil // there is no client yet
	}
	s := (*watched)()
	for _, state := range []loader.State{loader.Empty, loader.Loading, loader.Current, loader.Stale, loader.Closed} {
		value := int64(0)
		if s.State == state {
			value = 1
		}
		to.ObserveInt64(o.state, value, o.with(attribute.String("state", state.String())))
	}
	if !s.CheckedAt.IsZero() {
		to.ObserveFloat64(o.age, s.Age.Seconds(), o.with())
	}
	to.ObserveInt64(o.flags, int64(s.Flags), o.with())
	for result, n := range map[string]uint64{"full": s.Full, "not_modified": s.NotModified, "failed": s.Failed} {
		to.ObserveInt64(o.polls, int64(n), o.with(attribute.String("result", result)))
	}
	return nil
}
