package relay

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// tracing makes spans of what the relay does. Nil makes none. No span holds a
// key, a token, an id of a client's, or what somebody can write into a path.
type tracing struct {
	tracer  trace.Tracer
	carried propagation.TextMapPropagator
}

func newTracing(o Options) *tracing {
	if o.TracerProvider == nil {
		return nil
	}
	t := &tracing{tracer: o.TracerProvider.Tracer("github.com/hogflags/hogflags/relay"), carried: o.Propagator}
	if t.carried == nil {
		t.carried = propagation.TraceContext{}
	}
	return t
}

// The attributes beside those of OpenTelemetry's conventions for HTTP.
const (
	attrProject  = attribute.Key("hogflags.project")  // its name
	attrAnswered = attribute.Key("hogflags.answered") // local, merged or upstream
	attrWhy      = attribute.Key("hogflags.why")      // a request for flags was passed on whole
	attrResult   = attribute.Key("hogflags.result")   // full, not_modified or error
)

// request begins the span of a request, which belongs to the trace that its
// client names, if it does. Streams, which last for hours, and probes have none.
func (t *tracing) request(req *http.Request, route string) (*http.Request, trace.Span) {
	if t == nil || route == "stream" || route == "admin" && req.URL.Path != refreshPath {
		return req, nil
	}
	ctx := t.carried.Extract(req.Context(), propagation.HeaderCarrier(req.Header))
	method := knownMethod(req.Method)
	scheme := "http"
	if req.TLS != nil {
		scheme = "https"
	}
	name := method
	attributes := []attribute.KeyValue{attribute.String("http.request.method", method), attribute.String("url.scheme", scheme)}
	if path := pathTemplate(req.URL.Path); path != "" {
		name += " " + path
		attributes = append(attributes, attribute.String("http.route", path))
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
	return req.WithContext(ctx), span
}

// answered ends the span of a request.
func (w *telling) answered(span trace.Span) {
	span.SetAttributes(attribute.Int("http.response.status_code", w.status))
	if w.project != "" {
		span.SetAttributes(attrProject.String(w.project))
	}
	if by := w.Header().Get(answeredHeader); by != "" {
		span.SetAttributes(attrAnswered.String(by))
	}
	if w.why != "" {
		span.SetAttributes(attrWhy.String(w.why))
	}
	if w.status >= http.StatusInternalServerError {
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(w.status)))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// about notes whose flags a request is about.
func about(w http.ResponseWriter, p *project) {
	if told, ok := w.(*telling); ok && p != nil {
		told.project = p.Name
	}
}

// knownMethod is a method of HTTP, or what stands for one that a client made up.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return method
	}
	return "_OTHER"
}

// pathTemplate is a path of the relay's own without what varies in it; empty for
// every other, which may hold a token.
func pathTemplate(path string) string {
	switch p := endpoint(path); p {
	case "/flags/definitions", "/api/feature_flag/local_evaluation", "/flags", "/decide", refreshPath, ofrepFlags, ofrepConfiguration:
		return p
	}
	if strings.HasPrefix(path, ofrepFlags+"/") {
		return ofrepFlags + "/{key}"
	}
	return ""
}

// did ends a span of something that has no status of HTTP.
func did(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, withoutURL(err).Error())
	}
	span.End()
}

// start begins a span that is not a request's.
func (t *tracing) start(ctx context.Context, name, project string, more ...trace.SpanStartOption) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, name, append(more, trace.WithAttributes(attrProject.String(project)))...)
}
