package posthogtransport_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posthog/posthog-go"
	"go.uber.org/goleak"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const definitions = `{
 "flags": [
  {"id": 1, "key": "on", "active": true, "version": 2, "filters": {"groups": [{"rollout_percentage": 100}], "payloads": {"true": "{\"limit\": 10}"}}},
  {"id": 2, "key": "checkout", "active": true, "filters": {
    "groups": [{"rollout_percentage": 100, "properties": [{"key": "plan", "type": "person", "operator": "exact", "value": "pro"}]}],
    "multivariate": {"variants": [{"key": "fast", "rollout_percentage": 50}, {"key": "slow", "rollout_percentage": 50}]},
    "payloads": {"fast": "\"quick\"", "slow": "\"steady\""}}},
  {"id": 3, "key": "off", "active": false, "filters": {"groups": [{"rollout_percentage": 100}]}},
  {"id": 4, "key": "half", "active": true, "filters": {"groups": [{"rollout_percentage": 50}]}},
  {"id": 5, "key": "company", "active": true, "filters": {"aggregation_group_type_index": 0, "groups": [{"rollout_percentage": 100, "properties": [
      {"key": "size", "type": "group", "group_type_index": 0, "operator": "gt", "value": 5}]}]}}
 ],
 "group_type_mapping": {"0": "company"}, "cohorts": {}, "minimal_flag_called_events": true
}`

// posthogServer is a fake PostHog that also takes events.
type posthogServer struct {
	*posthogtest.Server
	mu     sync.Mutex
	events []map[string]any
}

func newServer(t *testing.T) *posthogServer {
	t.Helper()
	s := &posthogServer{Server: posthogtest.NewInMemory(t)}
	s.SetDefinitions([]byte(definitions))
	return s
}

// RoundTrip is the network as posthog-go would see it.
func (s *posthogServer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path != "/batch/" {
		return s.Client().Transport.RoundTrip(req)
	}
	body, err := io.ReadAll(req.Body)
	_ = req.Body.Close()
	if err != nil {
		return nil, err
	}
	var in struct {
		Batch []map[string]any `json:"batch"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, in.Batch...)
	return &http.Response{Status: "200 OK", StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

// takeEvents returns the events so far, without what differs from run to run.
func (s *posthogServer) takeEvents() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		delete(e, "uuid")
		delete(e, "timestamp")
	}
	taken := s.events
	s.events = nil
	return taken
}

// asked counts the requests for a path.
func (s *posthogServer) asked(path string) int {
	n := 0
	for _, r := range s.Requests() {
		if strings.TrimSuffix(r.Path, "/") == path {
			n++
		}
	}
	return n
}

// askedForDefinitions counts the requests for definitions, on whichever path.
func (s *posthogServer) askedForDefinitions() int {
	return s.asked("/flags/definitions") + s.asked("/api/feature_flag/local_evaluation")
}

// newClient is a hogflags client as an application would make it.
func newClient(t *testing.T, srv *posthogServer, change func(*hogflags.Config)) *hogflags.Client {
	t.Helper()
	cfg := hogflags.Config{
		ProjectToken:    posthogtest.ProjectToken,
		SecretKey:       posthogtest.SecretKey,
		Host:            srv.URL,
		HTTPClient:      srv.Client(),
		KeepDefinitions: true,
	}
	if change != nil {
		change(&cfg)
	}
	c, err := hogflags.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// config is that of an application before hogflags.
func config(srv *posthogServer) posthog.Config {
	retries := 0
	return posthog.Config{
		Endpoint:       srv.URL,
		PersonalApiKey: posthogtest.PersonalKey,
		Transport:      srv,
		MaxRetries:     &retries,
		Logger:         &recorder{},
	}
}

// start starts the application's posthog-go client and closes it with the test.
func start(t *testing.T, cfg posthog.Config) posthog.Client {
	t.Helper()
	c, err := posthog.NewWithConfig(posthogtest.ProjectToken, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// program is an application that knows nothing of hogflags: it reads flags and
// returns what it got.
func program(c posthog.Client) []string {
	var out []string
	say := func(what string, v any, err error) { out = append(out, fmt.Sprintf("%s: %v, %v", what, v, err)) }
	pro := posthog.Properties{"plan": "pro"}
	for _, id := range []string{"ada", "bob", "cy"} {
		v, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{Key: "checkout", DistinctId: id, PersonProperties: pro})
		say("checkout "+id, v, err)
		v, err = c.IsFeatureEnabled(posthog.FeatureFlagPayload{Key: "half", DistinctId: id})
		say("half "+id, v, err)
		p, err := c.GetFeatureFlagPayload(posthog.FeatureFlagPayload{Key: "checkout", DistinctId: id, PersonProperties: pro})
		say("payload "+id, p, err)
	}
	v, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{Key: "off", DistinctId: "ada"})
	say("off", v, err)
	v, err = c.GetFeatureFlag(posthog.FeatureFlagPayload{
		Key: "company", DistinctId: "ada", Groups: posthog.Groups{"company": "acme"},
		GroupProperties: map[string]posthog.Properties{"company": {"size": 10}},
	})
	say("company", v, err)
	all, err := c.GetAllFlags(posthog.FeatureFlagPayloadNoKey{
		DistinctId: "ada", PersonProperties: pro, Groups: posthog.Groups{"company": "acme"},
		GroupProperties: map[string]posthog.Properties{"company": {"size": 10}},
	})
	delete(all, "off") // an inactive flag is false here and missing at PostHog
	say("all", all, err)
	say("event", "", c.Enqueue(posthog.Capture{DistinctId: "ada", Event: "bought", Properties: posthog.Properties{"price": 3}}))
	return out
}

// recorder is a posthog.Logger.
type recorder struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (r *recorder) logf(level, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.lines, level+" "+format+"\n", args...)
}

func (r *recorder) Debugf(string, ...any)             {}
func (r *recorder) Logf(format string, args ...any)   { r.logf("info", format, args...) }
func (r *recorder) Warnf(format string, args ...any)  { r.logf("warn", format, args...) }
func (r *recorder) Errorf(format string, args ...any) { r.logf("error", format, args...) }

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines.String()
}

// settle lets background work come to rest, on the bubble's clock.
func settle() { time.Sleep(2 * time.Second) }
