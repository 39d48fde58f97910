package relay

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/hogflags/hogflags/rules"
)

// The Worker of edge/ reads requests by the same rules, in JavaScript. Its tests
// read the same tables: who changes one changes both.
func rowsOf[T any](t *testing.T, name string) (rows []T) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// For which runtime a request is, if it does not say so, and which are crawlers'.
func TestRuntimeTable(t *testing.T) {
	names := map[rules.Runtime]string{rules.RuntimeServer: "server", rules.RuntimeClient: "client", rules.RuntimeUnknown: "unknown"}
	untried := maps.Clone(sdkRuntimes)
	for _, row := range rowsOf[struct {
		Headers map[string]string `json:"headers"`
		Runtime string            `json:"runtime"` // empty: not certain
		Crawler bool              `json:"crawler"`
	}](t, "runtimes.json") {
		header := http.Header{}
		for name, value := range row.Headers {
			header.Set(name, value)
		}
		got := ""
		if runtime, certain := runtimeOf(header); certain {
			got = names[runtime]
		}
		if got != row.Runtime {
			t.Errorf("%v: runtime %q, want %q", row.Headers, got, row.Runtime)
		}
		if got := mayBeBot(header.Get("User-Agent")); got != row.Crawler {
			t.Errorf("%v: crawler: %t, want %t", row.Headers, got, row.Crawler)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(row.Headers["User-Agent"], "posthog-"), "/")
		delete(untried, name)
	}
	if len(untried) > 0 {
		t.Errorf("no row of the table has %v", untried)
	}
}

// Which requests are answered where they arrive, as far as it is a question of
// what they say.
func TestAskTable(t *testing.T) {
	for _, row := range rowsOf[struct {
		Query   string            `json:"query"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
		Here    string            `json:"here"` // "", "relay", "both"
	}](t, "asks.json") {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/flags?"+row.Query, nil)
		for name, value := range row.Headers {
			req.Header.Set(name, value)
		}
		a, err := newAsk(req, []byte(row.Body))
		if got := err == nil && a.whole == ""; got != (row.Here != "") {
			t.Errorf("?%s %v %s: answered here: %t, want %q", row.Query, row.Headers, row.Body, got, row.Here)
		}
	}
}
