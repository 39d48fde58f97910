package relay_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// hundred is a project of as many flags, each decided for the subject below.
func hundred() string {
	var flags []string
	for i := range 100 {
		flags = append(flags, fmt.Sprintf(`{"id":%d,"key":"flag-%d","active":true,"version":2,"filters":{"groups":[
			{"properties":[{"key":"plan","type":"person","operator":"exact","value":["pro"]},{"key":"country","type":"person","operator":"exact","value":["DE"]}],"rollout_percentage":100},
			{"properties":[],"rollout_percentage":50}],"payloads":{"true":"{\"n\": %d}"}}}`, i+1, i, i))
	}
	return `{"flags":[` + strings.Join(flags, ",") + `],"group_type_mapping":{},"cohorts":{}}`
}

// reused is a request and where its answer goes, for requests that cost nothing
// but what the relay does.
type reused struct {
	req    *http.Request
	body   *strings.Reader
	text   string
	header http.Header
	status int
	length int
}

func newReused(path, body string) *reused {
	r := &reused{body: strings.NewReader(body), text: body, header: http.Header{}}
	r.req = httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.req.Header.Set("Authorization", bearer[1])
	r.req.Body = io.NopCloser(r.body)
	return r
}

// serve has a handler answer once more.
func (r *reused) serve(h http.Handler) {
	r.body.Reset(r.text)
	clear(r.header)
	r.status, r.length = 0, 0
	h.ServeHTTP(r, r.req)
}

func (r *reused) Header() http.Header    { return r.header }
func (r *reused) WriteHeader(status int) { r.status = status }
func (r *reused) Write(p []byte) (int, error) {
	r.length += len(p)
	return len(p), nil
}

// benchRelay is a relay with hundred flags, and the bodies of requests for one
// subject's flags.
func benchRelay(tb testing.TB) (r *relay.Relay, ofrep, flags string) {
	tb.Helper()
	up, err := posthogtest.Start(posthogtest.Config{Definitions: []byte(hundred())})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(up.Close)
	cfg := config(up)
	cfg.Projects[0].PollInterval = time.Hour // nothing is to go on beside
	if r, err = relay.New(tb.Context(), cfg, relay.Options{}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = r.Close() })
	if err := r.WaitUntilReady(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	const properties = `"email":"ada.1@example.com","plan":"team","country":"US","seats":17,"signed_up_at":"2024-03-01T10:00:00Z","app_version":"2.11.3"`
	return r, `{"context":{"targetingKey":"01926f5c-0001-7abc-9def-0123456789ab",` + properties + `}}`,
		`{"token":"` + posthogtest.ProjectToken + `","distinct_id":"01926f5c-0001-7abc-9def-0123456789ab","person_properties":{` + properties + `}}`
}

// BenchmarkRelay is what the relay adds to net/http, for one request.
func BenchmarkRelay(b *testing.B) {
	r, ofrep, flags := benchRelay(b)
	for _, bench := range []struct{ name, path, body string }{
		{"OFREPSingle", flagsPath + "/flag-7", ofrep},
		{"OFREPBulk", flagsPath, ofrep},
		{"Flags", "/flags?v=2", flags},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			request := newReused(bench.path, bench.body)
			for b.Loop() {
				if request.serve(r); request.status != http.StatusOK || request.header.Get("X-Hogflags-Answered") != "local" {
					b.Fatalf("%d %v", request.status, request.header)
				}
			}
		})
	}
}
