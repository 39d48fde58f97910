package relay

import (
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/loader"
)

// metrics is what /metrics shows. No label has anything of a client's.
type metrics struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	forwarded *prometheus.CounterVec
	handler   http.Handler
}

var build = prometheus.NewDesc("hogflags_build_info", "The version of the relay: always 1.", []string{"version"}, nil)

var (
	ofProject = func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("hogflags_"+name, help, append([]string{"project"}, more...), nil)
	}
	descState       = ofProject("definitions_state", "Whether the definitions are in this state: 1 or 0.", "state")
	descAge         = ofProject("definitions_age_seconds", "Time since PostHog confirmed the definitions; absent if not known.")
	descExpired     = ofProject("definitions_expired", "Whether the definitions are older than they may be: 1 or 0.")
	descVersion     = ofProject("definitions_version_info", "The revision that is served: always 1.", "revision")
	descFlags       = ofProject("definitions_flags", "How many flags are defined.")
	descSuccess     = ofProject("last_success_timestamp_seconds", "When PostHog last confirmed the definitions; absent if not known.")
	descUpstream    = ofProject("upstream_requests_total", "Requests of this relay to PostHog for definitions, by result.", "result")
	descLeader      = ofProject("leader", "Whether this relay asks PostHog: 1 or 0.")
	descTransitions = ofProject("leader_transitions_total", "How often this relay began to lead.")
	descOperations  = ofProject("store_operations_total", "Operations on the store that succeeded.", "op")
	descStoreErrors = ofProject("store_errors_total", "Operations on the store that failed.")
	descRepairs     = ofProject("store_repairs_total", "Documents written again, as the store had lost them.")
	descRejected    = ofProject("rejected_payloads_total", "Documents of the store, or writes to it, that were refused.", "reason")
	descPublished   = ofProject("publications_total", "Attempts of this relay to publish what it serves, by result.", "result")
	descPublishedAt = ofProject("last_publication_timestamp_seconds", "When this relay last published; absent if it never did.")
	descEvaluations = ofProject("evaluations_total", "Flags answered for: decided here, by PostHog, or by nobody.", "mode")
	descAsked       = ofProject("remote_requests_total", "Requests to PostHog for what was not decided here.")
	descStreams     = prometheus.NewDesc("hogflags_streams_active", "Subscribers to changes.", nil, nil)
	descShed        = prometheus.NewDesc("hogflags_shed_total", "Requests refused by a limit.", []string{"limit"}, nil)
)

// newMetrics makes a registry of the relay's own.
func newMetrics(r *Relay) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hogflags_http_requests_total", Help: "Requests by route and status.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hogflags_http_request_duration_seconds", Help: "How long requests took, but for streams.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		forwarded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hogflags_flags_forwarded_total", Help: "Requests for flags that were passed on whole, by why.",
		}, []string{"project", "why"}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.requests, m.duration, m.forwarded, collected{r}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

// routeOf names what serves a path, for metrics.
func routeOf(path string) string {
	switch endpoint(path) {
	case "/flags/definitions", "/api/feature_flag/local_evaluation":
		return "definitions"
	case "/flags", "/decide":
		return "flags"
	case "/livez", "/readyz", "/status", "/metrics", refreshPath:
		return "admin"
	case changesPath, ofrepEvents:
		return "stream"
	case ofrepFlags:
		return "ofrep_bulk"
	}
	if strings.HasPrefix(path, ofrepRoot) {
		return "ofrep"
	}
	return "forward"
}

// ServeHTTP answers a request.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	route := routeOf(req.URL.Path)
	began := time.Now()
	told := telling{ResponseWriter: w, req: req, status: http.StatusOK}
	req, span := r.tracing.request(req, route)
	defer func() { // also where the connection is aborted
		if span != nil {
			told.answered(span)
		}
		r.metrics.requests.WithLabelValues(route, strconv.Itoa(told.status)).Inc()
		if route != "stream" {
			r.metrics.duration.WithLabelValues(route).Observe(time.Since(began).Seconds())
		}
		if told.why != "" {
			r.metrics.forwarded.WithLabelValues(told.project, told.why).Inc()
		}
	}()
	r.serve(&told, req)
}

// telling remembers the status of an answer, and whose flags it is about.
type telling struct {
	http.ResponseWriter
	req     *http.Request
	status  int
	project string // its name; empty: not known
	why     string // it was passed on, if it asked for flags
}

// WriteHeader begins the answer.
func (w *telling) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the answer.
func (w *telling) Write(p []byte) (int, error) {
	return writeLarge(w.ResponseWriter, w.req, p)
}

// Unwrap is for http.ResponseController.
func (w *telling) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// collected are the metrics that the parts of a relay count themselves.
type collected struct{ r *Relay }

// Describe implements [prometheus.Collector]: its metrics come and go with the
// projects.
func (collected) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c collected) Collect(to chan<- prometheus.Metric) {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	to <- prometheus.MustNewConstMetric(build, prometheus.GaugeValue, 1, version)
	to <- prometheus.MustNewConstMetric(descStreams, prometheus.GaugeValue, float64(c.r.Streams()))
	for limit, n := range map[string]uint64{"address": c.r.limits.shedAddresses.Load(), "key": c.r.limits.shedKeys.Load(), "streams": c.r.shedStreams.Load()} {
		to <- prometheus.MustNewConstMetric(descShed, prometheus.CounterValue, float64(n), limit)
	}
	for _, p := range c.r.current.Load().projects {
		p.collect(to)
	}
}

func (p *project) collect(to chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, append([]string{p.Name}, labels...)...)
	}
	count := func(desc *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), append([]string{p.Name}, labels...)...)
	}
	yes := func(is bool) float64 {
		if is {
			return 1
		}
		return 0
	}
	s := p.feed.loader.Status()
	for _, state := range []loader.State{loader.Empty, loader.Loading, loader.Current, loader.Stale, loader.Closed} {
		gauge(descState, yes(s.State == state), state.String())
	}
	if !s.CheckedAt.IsZero() {
		gauge(descAge, s.Age.Seconds())
		gauge(descSuccess, float64(s.CheckedAt.UnixMilli())/1000)
	}
	gauge(descExpired, yes(p.feed.expired()))
	if d := p.feed.document(); d != nil {
		gauge(descVersion, 1, d.revision.Short())
	}
	gauge(descFlags, float64(s.Flags))
	count(descUpstream, s.Full, "full")
	count(descUpstream, s.NotModified, "not_modified")
	count(descUpstream, s.Failed, "error")
	gauge(descLeader, yes(p.feed.fleet == nil || s.Role == flagcache.RoleLeader))
	count(descEvaluations, p.feed.counts.local.Load(), "local")
	count(descEvaluations, p.feed.counts.remote.Load(), "remote")
	count(descEvaluations, p.feed.counts.failed.Load(), "failed")
	count(descAsked, p.feed.counts.asked.Load())
	if p.feed.fleet == nil {
		return
	}
	if p.feed.leader != nil {
		s := p.feed.leader.Published()
		count(descPublished, s.Written, "written")
		count(descPublished, s.Superseded, "superseded")
		count(descPublished, s.Failed, "error")
		if !s.At.IsZero() {
			gauge(descPublishedAt, float64(s.At.UnixMilli())/1000)
		}
	}
	n := p.feed.fleet.Status().Counters
	count(descTransitions, n.Tenures)
	count(descOperations, n.Saves, "save")
	count(descOperations, n.Confirms, "confirm")
	count(descOperations, n.Loads, "load")
	count(descStoreErrors, n.StoreErrors)
	count(descRepairs, n.Repairs)
	count(descRejected, n.BadEntries, "bad_entry")
	count(descRejected, n.Refused, "fenced")
}
