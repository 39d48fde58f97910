package posthogsink_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/posthog/posthog-go"
	"go.uber.org/goleak"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/posthogsink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// captured is what PostHog's batch endpoint takes.
type captured struct {
	mu     sync.Mutex
	events []map[string]any
}

func (c *captured) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var batch struct {
		Batch []map[string]any `json:"batch"`
	}
	if err = errors.Join(err, json.Unmarshal(body, &batch)); err != nil || r.URL.Path != "/batch/" {
		http.Error(w, fmt.Sprint(r.URL.Path, err), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, batch.Batch...)
	_, _ = w.Write([]byte(`{"status":1}`))
}

// A flag that is read arrives at PostHog once, through the real client.
func TestThroughPostHogGo(t *testing.T) {
	to := new(captured)
	ingestion := httptest.NewServer(to)
	defer ingestion.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	sender, err := posthog.NewWithConfig(posthogtest.ProjectToken, posthog.Config{Endpoint: ingestion.URL, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	sink, err := posthogsink.New(sender)
	if err != nil {
		t.Fatal(err)
	}
	server := posthogtest.New(t)
	server.SetDefinitions([]byte(`{"flags":[{"id":7,"key":"checkout","version":2,"active":true,"filters":{"groups":[{"variant":"fast"}],
		"multivariate":{"variants":[{"key":"fast","rollout_percentage":100}]}}}]}`))
	client, err := hogflags.New(t.Context(), hogflags.Config{
		ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: server.URL, HTTPClient: server.Client(), Events: sink,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.WaitUntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	subject := hogflags.Subject{DistinctID: "ada", Groups: map[string]any{"company": "acme"}}
	for range 5 {
		if v, err := client.GetFeatureFlag(t.Context(), "checkout", subject); v != "fast" || err != nil {
			t.Fatal(v, err)
		}
	}
	if err := errors.Join(client.Close(), sender.Close()); err != nil {
		t.Fatal(err)
	}
	if len(to.events) != 1 {
		t.Fatalf("%d events arrived, want 1", len(to.events))
	}
	e := to.events[0]
	properties, _ := e["properties"].(map[string]any)
	for name, want := range map[string]any{
		"$feature_flag": "checkout", "$feature_flag_response": "fast", "$feature/checkout": "fast", "locally_evaluated": true,
		"$feature_flag_id": 7.0, "$feature_flag_version": 2.0, "$feature_flag_reason": "Matched condition set 1", "$lib": "posthog-go",
	} {
		if properties[name] != want {
			t.Errorf("%s is %v, want %v", name, properties[name], want)
		}
	}
	groups, _ := properties["$groups"].(map[string]any)
	if e["event"] != "$feature_flag_called" || e["distinct_id"] != "ada" || groups["company"] != "acme" || e["timestamp"] == nil {
		t.Errorf("got %v", e)
	}
	if _, err := client.GetFeatureFlag(t.Context(), "checkout", hogflags.Subject{DistinctID: "bob"}); err != nil {
		t.Errorf("with a closed sink: %v", err)
	}
	if _, err := posthogsink.New(nil); err == nil {
		t.Error("a nil client is taken")
	}
}
