package main

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// collector takes traces as an OpenTelemetry collector does.
type collector struct {
	*httptest.Server

	mu       sync.Mutex
	refuse   int // how many requests are refused before one is taken
	requests []*http.Request
	bodies   [][]byte // unpacked
	taken    []*tracepb.ResourceSpans
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, req)
	if c.refuse > 0 {
		c.refuse--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var in io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		in = z
	}
	body, err := io.ReadAll(in)
	var traces tracepb.TracesData
	if err != nil || proto.Unmarshal(body, &traces) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.bodies = append(c.bodies, body)
	c.taken = append(c.taken, traces.ResourceSpans...)
}

// spans writes those taken as NAME PARENT, with their attributes.
func (c *collector) spans() (spans []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range c.taken {
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				spans = append(spans, fmt.Sprintf("%s in %s of %s: %s", s.Name, hex.EncodeToString(s.ParentSpanId), hex.EncodeToString(s.TraceId), attributes(s.Attributes)))
			}
		}
	}
	return spans
}

func attributes(of []*commonpb.KeyValue) string {
	var all []string
	for _, a := range of {
		all = append(all, fmt.Sprintf("%s=%v%v", a.Key, a.Value.GetStringValue(), a.Value.GetIntValue()))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// The environment turns traces on, and they reach a collector before the relay
// has stopped, also one that is down for a moment.
func TestServeTraces(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	collector := newCollector(t)
	defer collector.Close()
	collector.refuse = 1
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=s%20ecret,x=1", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
		"OTEL_SERVICE_NAME": "flags-eu", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
	} {
		t.Setenv(name, value)
	}
	up, err := posthogtest.Start(posthogtest.Config{Definitions: demoProject})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	const key = "relay-key"
	url, stop := startServe(t, serveCmd{
		cache: cache{Cache: "memory:", project: project{
			ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: up.URL,
		}},
		Listen: "127.0.0.1:0", RelayKey: key,
	})
	defer func() { _, _ = stop() }() // checked below
	awaitReady(t, url)
	req, err := http.NewRequestWithContext(t.Context(), "POST", url+"/ofrep/v1/evaluate/flags", strings.NewReader(`{"context":{"targetingKey":"ada-lovelace","email":"ada@example.com"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	logs, err := stop()
	if err != nil {
		t.Fatal(err)
	}

	spans := collector.spans()
	for _, want := range []string{
		"POST /ofrep/v1/evaluate/flags in b7ad6b7169203331 of 0af7651916cd43dd8448eb211c80319c: hogflags.answered=",
		"poll definitions in  of ", "GET /flags/definitions in ", "save definitions in  of ", "release lease in  of ",
	} {
		if !slices.ContainsFunc(spans, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("no span %q among\n%s", want, strings.Join(spans, "\n"))
		}
	}
	collector.mu.Lock()
	defer collector.mu.Unlock()
	if r := collector.requests[0]; r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("Api-Key") != "s ecret" || r.Header.Get("X") != "1" {
		t.Errorf("sent to %s with %v", r.URL.Path, r.Header)
	}
	about := attributes(collector.taken[0].Resource.Attributes)
	for _, want := range []string{"service.name=flags-eu", "deployment.environment.name=test", "service.version=", "telemetry.sdk.language=go"} {
		if !strings.Contains(about, want) {
			t.Errorf("the resource is %s, want %s in it", about, want)
		}
	}
	everything := logs
	for _, body := range collector.bodies {
		everything += string(body)
	}
	for _, secret := range []string{key, posthogtest.ProjectToken, posthogtest.SecretKey, "ada", "s ecret"} {
		if strings.Contains(everything, secret) {
			t.Errorf("%q is in the traces or the logs", secret)
		}
	}
}

// Without a word there are no traces, and what cannot be meant is refused.
func TestTracesEnvironment(t *testing.T) {
	for _, name := range []string{"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED"} {
		t.Setenv(name, "")
	}
	noPEM := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(noPEM, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const endpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1/x"
	for _, test := range []struct {
		environment string // NAME=VALUE, several of them
		on          bool
		want        string // of the error
	}{
		{"", false, ""},
		{"OTEL_TRACES_EXPORTER=none " + endpoint, false, ""},
		{"OTEL_SDK_DISABLED=true OTEL_TRACES_EXPORTER=otlp", false, ""},
		{"OTEL_TRACES_EXPORTER=otlp", true, ""},
		{endpoint, true, ""},
		{endpoint + " OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_TIMEOUT=2500 OTEL_PROPAGATORS=none", true, ""},
		{endpoint + " OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=none OTEL_PROPAGATORS=tracecontext,baggage", true, ""},
		{"OTEL_TRACES_EXPORTER=zipkin", false, "OTEL_TRACES_EXPORTER"},
		{endpoint + " OTEL_EXPORTER_OTLP_PROTOCOL=grpc", false, "want http/protobuf"},
		{endpoint + " OTEL_PROPAGATORS=b3", false, "OTEL_PROPAGATORS"},
		{endpoint + " OTEL_EXPORTER_OTLP_TIMEOUT=10s", false, "OTEL_EXPORTER_OTLP_TIMEOUT"},
		{endpoint + " OTEL_EXPORTER_OTLP_COMPRESSION=zstd", false, "OTEL_EXPORTER_OTLP_COMPRESSION"},
		{endpoint + " OTEL_EXPORTER_OTLP_HEADERS=secret", false, "OTEL_EXPORTER_OTLP_HEADERS"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", false, "OTEL_EXPORTER_OTLP_ENDPOINT"},
		{endpoint + " OTEL_EXPORTER_OTLP_CERTIFICATE=" + noPEM, false, "holds no certificate"},
		{endpoint + " OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/no/such/file", false, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"},
	} {
		t.Run(test.environment, func(t *testing.T) {
			for pair := range strings.FieldsSeq(test.environment) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv(name, value)
			}
			got, err := startTraces(t.Context(), slog.New(slog.DiscardHandler))
			defer got.stop()
			switch {
			case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%v, want %q", err, test.want)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("the error holds what may be a key: %v", err)
			case got.provider != nil != test.on:
				t.Errorf("traces: %v, want %v", got.provider != nil, test.on)
			}
		})
	}
}
