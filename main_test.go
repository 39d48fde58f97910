package hogflags_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const definitions = `{
 "flags": [
  {"id": 1, "key": "beta", "active": true, "version": 3, "filters": {
    "groups": [{"rollout_percentage": 100, "properties": [
      {"key": "plan", "type": "person", "operator": "exact", "value": "pro"}]}],
    "payloads": {"true": "{\"limit\": 10}"}}},
  {"id": 2, "key": "checkout", "active": true, "filters": {
    "groups": [{"rollout_percentage": 100, "variant": "fast", "properties": []}],
    "multivariate": {"variants": [{"key": "fast", "rollout_percentage": 50}, {"key": "slow", "rollout_percentage": 50}]},
    "payloads": {"fast": "\"quick\""}}},
  {"id": 3, "key": "off", "active": false, "filters": {"groups": [{"rollout_percentage": 100}]}},
  {"id": 4, "key": "on", "active": true, "filters": {"groups": [{"rollout_percentage": 100}]}},
  {"id": 5, "key": "recent", "active": true, "filters": {"groups": [{"rollout_percentage": 100, "properties": [
      {"key": "signed_up", "type": "person", "operator": "is_date_after", "value": "-7d"}]}]}}
 ],
 "group_type_mapping": {}, "cohorts": {}
}`

// newServer starts a fake PostHog that serves the definitions above.
func newServer(t *testing.T) *posthogtest.Server {
	t.Helper()
	srv := posthogtest.NewInMemory(t)
	srv.SetDefinitions([]byte(definitions))
	return srv
}

// newClient makes a client that evaluates locally only, unless change lets it
// ask.
func newClient(t *testing.T, srv *posthogtest.Server, change func(*hogflags.Config)) *hogflags.Client {
	t.Helper()
	cfg := hogflags.Config{
		ProjectToken: posthogtest.ProjectToken,
		SecretKey:    posthogtest.SecretKey,
		Host:         srv.URL,
		HTTPClient:   srv.Client(),

		OnlyEvaluateLocally: true,
	}
	if change != nil {
		change(&cfg)
	}
	c, err := hogflags.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

// ready makes a client and waits for its definitions.
func ready(t *testing.T, srv *posthogtest.Server) *hogflags.Client {
	t.Helper()
	c := newClient(t, srv, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.WaitUntilReady(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}
