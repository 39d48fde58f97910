package relay_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// spans are those that have ended.
type spans struct{ *tracetest.SpanRecorder }

func traced(s spans) option {
	return func(_ *relay.Config, o *relay.Options) {
		o.TracerProvider = sdk.NewTracerProvider(sdk.WithSpanProcessor(s))
	}
}

// of are the spans of a kind and name, a prefix of it.
func (s spans) of(kind trace.SpanKind, name string) []sdk.ReadOnlySpan {
	return slices.DeleteFunc(s.Ended(), func(span sdk.ReadOnlySpan) bool {
		return span.SpanKind() != kind || !strings.HasPrefix(span.Name(), name)
	})
}

// forget makes later spans the only ones.
func (s spans) forget() { s.Reset() }

// tell writes a span as one line.
func tell(s sdk.ReadOnlySpan) string {
	var attributes []string
	for _, a := range s.Attributes() {
		switch a.Key {
		case "server.address", "server.port", "url.scheme", "http.request.method": // the same in all tests, or in the name
		default:
			attributes = append(attributes, string(a.Key)+"="+a.Value.Emit())
		}
	}
	slices.Sort(attributes)
	text := s.Name() + " " + strings.Join(attributes, " ")
	if s.Status().Code == codes.Error {
		text += " failed"
	}
	return text
}

// A request has a span that says where it was answered, with one for each request
// to PostHog in it.
func TestSpansOfRequests(t *testing.T) {
	recorded := spans{tracetest.NewSpanRecorder()}
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	r := start(t, up, traced(recorded))
	r.ready(t)
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		want, child              string
	}{
		{
			"local", "POST", "/flags/?v=2", flagsBody(pro), bearer,
			"POST /flags hogflags.answered=local hogflags.project=test http.response.status_code=200 http.route=/flags", "",
		},
		{
			"forwarded", "POST", "/flags?v=2", flagsBody(pro), nil,
			"POST /flags hogflags.answered=upstream hogflags.project=test hogflags.why=all flags http.response.status_code=200 http.route=/flags",
			"POST /flags http.response.status_code=200 url.template=/flags",
		},
		{
			"definitions", "GET", "/flags/definitions" + token, "", bearer,
			"GET /flags/definitions hogflags.project=test http.response.status_code=200 http.route=/flags/definitions", "",
		},
		{
			"single", "POST", "/ofrep/v1/evaluate/flags/on", `{"context":{"targetingKey":"ada"}}`, bearer,
			"POST /ofrep/v1/evaluate/flags/{key} hogflags.answered=local hogflags.project=test http.response.status_code=200 http.route=/ofrep/v1/evaluate/flags/{key}", "",
		},
		{
			"merged", "POST", "/ofrep/v1/evaluate/flags", `{"context":{"targetingKey":"ada"}}`, bearer,
			"POST /ofrep/v1/evaluate/flags hogflags.answered=merged hogflags.project=test http.response.status_code=200 http.route=/ofrep/v1/evaluate/flags",
			"POST /flags http.response.status_code=200 url.template=/flags",
		},
		{
			"passed through", "GET", "/array/phc_secret/config.js", "", nil,
			"GET hogflags.answered=upstream hogflags.project=test http.response.status_code=404", "GET error.type=404 http.response.status_code=404 failed",
		},
		{
			"refused", "POST", "/flags?v=2", `{"token":"phc_other","distinct_id":"ada"}`, nil,
			"POST /flags http.response.status_code=401 http.route=/flags", "",
		},
		{"made up", "HACK", "/flags?v=2", "", nil, "_OTHER /flags http.response.status_code=405 http.route=/flags", ""},
		{"probe", "GET", "/livez", "", nil, "", ""},
	} {
		recorded.forget()
		r.send(t, test.method, test.path, test.body, test.header...)
		r.awaitSpans(t, recorded, trace.SpanKindServer, test.want)
		var own, children []string
		var id trace.SpanID
		for _, s := range recorded.of(trace.SpanKindServer, "") {
			own, id = append(own, tell(s)), s.SpanContext().SpanID()
		}
		for _, s := range recorded.of(trace.SpanKindClient, "") {
			if s.Parent().SpanID() == id && id.IsValid() {
				children = append(children, tell(s))
			}
		}
		if got := [2]string{strings.Join(own, "; "), strings.Join(children, "; ")}; got != [2]string{test.want, test.child} {
			t.Errorf("%s:\ngot  %q\nwant %q", test.name, got, [2]string{test.want, test.child})
		}
		for _, s := range recorded.Ended() {
			for _, secret := range []string{key, posthogtest.SecretKey, posthogtest.ProjectToken, "phc_", "ada"} {
				if text := fmt.Sprint(s.Name(), s.Attributes(), s.Status(), s.Events()); strings.Contains(text, secret) {
					t.Errorf("%s: a span holds %q: %s", test.name, secret, text)
				}
			}
		}
	}
}

// awaitSpans waits for the span of a request that was answered: it ends after the
// answer. An empty text waits for nothing.
func (r *running) awaitSpans(t *testing.T, recorded spans, kind trace.SpanKind, name string) {
	t.Helper()
	name, _, _ = strings.Cut(name, " h")
	if name == "" {
		return
	}
	r.await(t, "there is a span "+name, "/livez", func(answer) bool { return len(recorded.of(kind, name)) > 0 })
}

// A request belongs to the trace of its client. PostHog, which is no part of it,
// sees what the client sent, and nothing else.
func TestTraceContext(t *testing.T) {
	recorded := spans{tracetest.NewSpanRecorder()}
	up := newEcho(t)
	r := start(t, up.config(), traced(recorded))
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r.send(t, "POST", "/batch/", "{}", "traceparent", parent)
	if got := up.last().header.Get("traceparent"); got != parent {
		t.Errorf("PostHog sees the traceparent %q, want %q", got, parent)
	}
	r.awaitSpans(t, recorded, trace.SpanKindServer, "POST")
	s := recorded.of(trace.SpanKindServer, "POST")[0]
	if s.SpanContext().TraceID().String() != parent[3:35] || s.Parent().SpanID().String() != parent[36:52] || !s.Parent().IsRemote() {
		t.Errorf("the span is of %v, child of %v, want of %s", s.SpanContext(), s.Parent(), parent)
	}
	r.send(t, "POST", "/batch/", "{}")
	if got := up.last().header; len(got["Traceparent"]) > 0 {
		t.Errorf("PostHog sees the traceparent %v, want none", got["Traceparent"])
	}
}

// Polls have spans, and what they lead to in the store.
func TestSpansOfPolls(t *testing.T) {
	recorded := spans{tracetest.NewSpanRecorder()}
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: up.URL})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, up, traced(recorded), sharing(store))
	r.ready(t)
	r.await(t, "the document is confirmed", "/livez", func(answer) bool { return len(recorded.of(trace.SpanKindClient, "confirm")) > 0 })
	up.Fail(posthogtest.Failure{Status: http.StatusServiceUnavailable})
	r.await(t, "a failure is recorded", "/livez", func(answer) bool { return len(recorded.of(trace.SpanKindClient, "record")) > 0 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	var got []string
	polls := map[trace.SpanID]bool{}
	for _, s := range recorded.of(trace.SpanKindInternal, "") {
		polls[s.SpanContext().SpanID()] = true
	}
	for _, s := range recorded.Ended() {
		if strings.HasPrefix(s.Name(), "GET ") && !polls[s.Parent().SpanID()] {
			t.Errorf("%s is not in a poll", s.Name())
		}
		if text := tell(s); s.SpanKind() != trace.SpanKindServer && !slices.Contains(got, text) {
			got = append(got, text)
		}
	}
	slices.Sort(got)
	want := []string{
		"GET /flags/definitions error.type=503 http.response.status_code=503 url.template=/flags/definitions failed",
		"GET /flags/definitions http.response.status_code=200 url.template=/flags/definitions",
		"GET /flags/definitions http.response.status_code=304 url.template=/flags/definitions",
		"acquire lease hogflags.project=test",
		"confirm definitions hogflags.project=test",
		"poll definitions hogflags.project=test hogflags.result=error failed",
		"poll definitions hogflags.project=test hogflags.result=full",
		"poll definitions hogflags.project=test hogflags.result=not_modified",
		"record failure hogflags.project=test",
		"release lease hogflags.project=test",
		"save definitions hogflags.project=test",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}
