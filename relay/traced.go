package relay

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// tracedTransport makes spans of requests to PostHog. It adds nothing to the
// requests: what is passed on carries the client's own traceparent, if any.
type tracedTransport struct {
	http.RoundTripper
	*tracing
}

// RoundTrip sends a request. Its span ends with the body.
func (t tracedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == changesPath {
		return t.RoundTripper.RoundTrip(req) // it lasts for hours
	}
	name := knownMethod(req.Method)
	attributes := []attribute.KeyValue{
		attribute.String("http.request.method", name), attribute.String("server.address", req.URL.Hostname()), attribute.String("url.scheme", req.URL.Scheme),
	}
	if port, err := strconv.Atoi(req.URL.Port()); err == nil {
		attributes = append(attributes, attribute.Int("server.port", port))
	}
	if path := pathTemplate(req.URL.Path); path != "" {
		name += " " + path
		attributes = append(attributes, attribute.String("url.template", path))
	}
	_, span := t.tracer.Start(req.Context(), name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	resp, err := t.RoundTripper.RoundTrip(req)
	if err != nil {
		kind := "connection"
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
			kind = "timeout"
		}
		span.SetAttributes(attribute.String("error.type", kind))
		did(span, err)
		return nil, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	if resp.StatusCode >= http.StatusBadRequest {
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(resp.StatusCode)))
		span.SetStatus(codes.Error, "")
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // its body can be written, too
		span.End()
	} else {
		resp.Body = &tracedBody{resp.Body, span}
	}
	return resp, nil
}

// CloseIdleConnections closes those of the transport beneath.
func (t tracedTransport) CloseIdleConnections() {
	if c, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type tracedBody struct {
	io.ReadCloser
	span trace.Span
}

// Close ends the span; ending it twice does nothing.
func (b *tracedBody) Close() error {
	b.span.End()
	return b.ReadCloser.Close()
}

// tracedUpstream makes spans of polls.
type tracedUpstream struct {
	flagcache.Upstream
	*tracing
	project string
}

// Fetch asks for the definitions.
func (u tracedUpstream) Fetch(ctx context.Context, etag string) (flagcache.Answer, error) {
	ctx, span := u.start(ctx, "poll definitions", u.project)
	a, err := u.Upstream.Fetch(ctx, etag)
	result := "full"
	switch {
	case err != nil:
		result = "error"
	case a.NotModified:
		result = "not_modified"
	}
	span.SetAttributes(attrResult.String(result))
	did(span, err)
	return a, err
}

// polls is an upstream that makes spans, if any are made.
func (t *tracing) polls(u flagcache.Upstream, project string) flagcache.Upstream {
	if t == nil {
		return u
	}
	return tracedUpstream{u, t, project}
}

// tracedStore makes spans of what changes the store or reads a document: the
// looks and renewals of a fleet that does nothing have none, unless they fail.
type tracedStore struct {
	Store
	*tracing
	project string
}

// ended makes the span of an operation that has begun earlier.
func (s tracedStore) ended(ctx context.Context, name string, began time.Time, err error) {
	_, span := s.start(ctx, name, s.project, trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindClient))
	did(span, err)
}

// Acquire asks for the lease. That somebody else holds it is no news.
func (s tracedStore) Acquire(ctx context.Context, bid flagcache.Bid, ttl time.Duration) (flagcache.Record, error) {
	began := time.Now()
	rec, err := s.Store.Acquire(ctx, bid, ttl)
	if !errors.Is(err, flagcache.ErrHeld) {
		s.ended(ctx, "acquire lease", began, err)
	}
	return rec, err
}

// Renew prolongs the lease.
func (s tracedStore) Renew(ctx context.Context, claim flagcache.Claim, ttl time.Duration) (flagcache.Record, error) {
	began := time.Now()
	rec, err := s.Store.Renew(ctx, claim, ttl)
	if err != nil {
		s.ended(ctx, "renew lease", began, err)
	}
	return rec, err
}

// Release frees the lease.
func (s tracedStore) Release(ctx context.Context, claim flagcache.Claim) (flagcache.Record, error) {
	began := time.Now()
	rec, err := s.Store.Release(ctx, claim)
	s.ended(ctx, "release lease", began, err)
	return rec, err
}

// Save stores the entry.
func (s tracedStore) Save(ctx context.Context, claim flagcache.Claim, e *flagcache.Entry) (flagcache.Record, error) {
	began := time.Now()
	rec, err := s.Store.Save(ctx, claim, e)
	s.ended(ctx, "save definitions", began, err)
	return rec, err
}

// Confirm notes that the stored entry is current.
func (s tracedStore) Confirm(ctx context.Context, claim flagcache.Claim, h flagcache.Head) (flagcache.Record, error) {
	began := time.Now()
	rec, err := s.Store.Confirm(ctx, claim, h)
	s.ended(ctx, "confirm definitions", began, err)
	return rec, err
}

// Fail records a failure of upstream's.
func (s tracedStore) Fail(ctx context.Context, claim flagcache.Claim, f flagcache.Failure) (flagcache.Record, error) {
	began := time.Now()
	rec, err := s.Store.Fail(ctx, claim, f)
	s.ended(ctx, "record failure", began, err)
	return rec, err
}

// Load reads the entry.
func (s tracedStore) Load(ctx context.Context) (*flagcache.Entry, error) {
	began := time.Now()
	e, err := s.Store.Load(ctx)
	s.ended(ctx, "load definitions", began, err)
	return e, err
}

// pinningStore is a traced store that keeps pins.
type pinningStore struct {
	tracedStore
	flagcache.Pinner
}

// LoadRevision reads a pinned document.
func (s pinningStore) LoadRevision(ctx context.Context, r flagdef.Revision) (*flagcache.Entry, error) {
	began := time.Now()
	e, err := s.Pinner.LoadRevision(ctx, r)
	s.ended(ctx, "load definitions", began, err)
	return e, err
}

// signedStore is a traced store of what is signed, with all that Signed can do.
type signedStore struct {
	pinningStore
	flagcache.Watcher
	signed
}

type signed interface{ CanSign() bool }

// operations is a store that makes spans, if any are made. It can do what the
// fleet looks for in s.
func (t *tracing) operations(s Store, project string) Store {
	if t == nil {
		return s
	}
	plain := tracedStore{s, t, project}
	pinner, pins := s.(flagcache.Pinner)
	watcher, pushes := s.(flagcache.Watcher)
	signs, isSigned := s.(signed)
	switch {
	case pins && pushes && isSigned:
		return signedStore{pinningStore{plain, pinner}, watcher, signs}
	case pins && pushes:
		return struct {
			pinningStore
			flagcache.Watcher
		}{pinningStore{plain, pinner}, watcher}
	case pins:
		return pinningStore{plain, pinner}
	case pushes:
		return struct {
			tracedStore
			flagcache.Watcher
		}{plain, watcher}
	}
	return plain
}
