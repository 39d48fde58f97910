package relay_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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

// BenchmarkRelay is what the relay adds to net/http, for one request.
func BenchmarkRelay(b *testing.B) {
	up, err := posthogtest.Start(posthogtest.Config{Definitions: []byte(hundred())})
	if err != nil {
		b.Fatal(err)
	}
	defer up.Close()
	r, err := relay.New(b.Context(), config(up), relay.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if err := r.WaitUntilReady(b.Context()); err != nil {
		b.Fatal(err)
	}
	const properties = `"email":"ada.1@example.com","plan":"team","country":"US","seats":17,"signed_up_at":"2024-03-01T10:00:00Z","app_version":"2.11.3"`
	ofrep := `{"context":{"targetingKey":"01926f5c-0001-7abc-9def-0123456789ab",` + properties + `}}`
	flags := `{"token":"` + posthogtest.ProjectToken + `","distinct_id":"01926f5c-0001-7abc-9def-0123456789ab","person_properties":{` + properties + `}}`
	for _, bench := range []struct{ name, path, body string }{
		{"OFREPSingle", flagsPath + "/flag-7", ofrep},
		{"OFREPBulk", flagsPath, ofrep},
		{"Flags", "/flags?v=2", flags},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, bench.path, strings.NewReader(bench.body))
				req.Header.Set("Authorization", bearer[1])
				w := httptest.NewRecorder()
				if r.ServeHTTP(w, req); w.Code != http.StatusOK || w.Header().Get("X-Hogflags-Answered") != "local" {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
