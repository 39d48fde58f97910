// Package promobserver shows what a client does as Prometheus metrics.
//
//	hogflags_evaluations_total{outcome}                  local, remote, inconclusive, not_found
//	hogflags_remote_requests_total{cause,result}         why PostHog was asked, and what came of it
//	hogflags_remote_request_duration_seconds             a histogram of those that were sent
//	hogflags_definitions_state{state}                    1 for empty, loading, current, stale or closed
//	hogflags_definitions_age_seconds                     since PostHog confirmed them; absent if not known
//	hogflags_definitions_flags                           how many are defined
//	hogflags_definitions_requests_total{result}          full, not_modified, failed
package promobserver

import (
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/resolve"
)

// Observer is a [hogflags.Observer] and a [prometheus.Collector]. It is safe for
// concurrent use.
type Observer struct {
	evaluations [hogflags.Outcomes]prometheus.Counter
	all         *prometheus.CounterVec
	requests    *prometheus.CounterVec
	duration    prometheus.Histogram
	status      atomic.Pointer[func() hogflags.Status]
}

var (
	state = prometheus.NewDesc("hogflags_definitions_state", "Whether the definitions are in this state: 1 or 0.", []string{"state"}, nil)
	age   = prometheus.NewDesc("hogflags_definitions_age_seconds", "Time since PostHog confirmed the definitions.", nil, nil)
	flags = prometheus.NewDesc("hogflags_definitions_flags", "How many flags are defined.", nil, nil)
	polls = prometheus.NewDesc("hogflags_definitions_requests_total", "Requests for definitions by result.", []string{"result"}, nil)
)

// New makes an observer for one client. Register it, too: clients that share a
// registry need labels of their own, by [prometheus.WrapRegistererWith].
func New() *Observer {
	o := &Observer{
		all: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hogflags_evaluations_total", Help: "Flags evaluated by outcome.",
		}, []string{"outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hogflags_remote_requests_total", Help: "Remote evaluations by cause and result.",
		}, []string{"cause", "result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hogflags_remote_request_duration_seconds", Help: "How long remote evaluations took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5},
		}),
	}
	for outcome := range o.evaluations {
		o.evaluations[outcome] = o.all.WithLabelValues(hogflags.Outcome(outcome).String())
	}
	return o
}

// Watch implements [hogflags.Observer].
func (o *Observer) Watch(status func() hogflags.Status) { o.status.Store(&status) }

// Evaluated implements [hogflags.Observer].
func (o *Observer) Evaluated(outcome hogflags.Outcome, n int) {
	o.evaluations[outcome].Add(float64(n))
}

// Asked implements [hogflags.Observer].
func (o *Observer) Asked(r hogflags.RemoteRequest) {
	o.requests.WithLabelValues(r.Cause.String(), r.Result()).Inc()
	if !errors.Is(r.Err, resolve.ErrCircuitOpen) {
		o.duration.Observe(r.Duration.Seconds())
	}
}

// Describe implements [prometheus.Collector].
func (o *Observer) Describe(to chan<- *prometheus.Desc) {
	o.all.Describe(to)
	o.requests.Describe(to)
	o.duration.Describe(to)
	for _, desc := range []*prometheus.Desc{state, age, flags, polls} {
		to <- desc
	}
}

// Collect implements [prometheus.Collector].
func (o *Observer) Collect(to chan<- prometheus.Metric) {
	o.all.Collect(to)
	o.requests.Collect(to)
	o.duration.Collect(to)
	watched := o.status.Load()
	if watched == nil {
		return // there is no client yet
	}
	s := (*watched)()
	for _, one := range []loader.State{loader.Empty, loader.Loading, loader.Current, loader.Stale, loader.Closed} {
		value := 0.0
		if s.State == one {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(state, prometheus.GaugeValue, value, one.String())
	}
	if !s.CheckedAt.IsZero() {
		to <- prometheus.MustNewConstMetric(age, prometheus.GaugeValue, s.Age.Seconds())
	}
	to <- prometheus.MustNewConstMetric(flags, prometheus.GaugeValue, float64(s.Flags))
	for result, n := range map[string]uint64{"full": s.Full, "not_modified": s.NotModified, "failed": s.Failed} {
		to <- prometheus.MustNewConstMetric(polls, prometheus.CounterValue, float64(n), result)
	}
}
