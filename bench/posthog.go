package main

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/posthog/posthog-go"
)

// posthogSubject is what posthog-go is asked with.
type posthogSubject struct {
	distinctID string
	properties posthog.Properties
}

// posthogClient drives posthog-go through its public API: local evaluation
// only, no events, no polling, no network.
type posthogClient struct {
	client posthog.Client
	body   atomic.Pointer[memory]
	loads  atomic.Int64 // how many requests still get the body; the others get a 304
}

func newPosthogClient(body []byte) (*posthogClient, error) {
	c := &posthogClient{}
	c.serve(body)
	c.loads.Store(1)
	client, err := posthog.NewWithConfig("phc_bench", posthog.Config{
		Endpoint:                           "http://posthog.invalid",
		SecretKey:                          "phs_bench",
		Transport:                          c,
		DefaultFeatureFlagsPollingInterval: 24 * time.Hour,
		Logger:                             silent{},
		BatchSize:                          1,
		MaxQueueSize:                       1, // nothing is ever queued
	})
	if err != nil {
		return nil, fmt.Errorf("create posthog-go client: %w", err)
	}
	c.client = client
	// The first evaluation waits for the first load.
	if _, err := c.all(&posthogSubject{distinctID: "first"}); err != nil {
		return nil, fmt.Errorf("wait for posthog-go's definitions: %w", err)
	}
	return c, nil
}

// serve sets the document of the next load.
func (c *posthogClient) serve(body []byte) {
	m := memory(body)
	c.body.Store(&m)
}

func (c *posthogClient) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path != "/flags/definitions" {
		return nil, errors.New("posthog-go is expected to evaluate locally, it asked for " + req.URL.Path)
	}
	resp, err := c.body.Load().RoundTrip(req)
	if c.loads.Add(-1) < 0 {
		c.loads.Store(0)
		resp.StatusCode, resp.Status, resp.Body = http.StatusNotModified, "304 Not Modified", http.NoBody
	}
	return resp, err
}

func (c *posthogClient) close() { _ = c.client.Close() }

// reload starts a load as soon as the one before it is done.
func (c *posthogClient) reload() error {
	c.loads.Add(1)
	return c.client.ReloadFeatureFlags()
}

// loaded waits until the loads that were started are done: by the start of
// one more, which costs nothing because its answer is a 304.
func (c *posthogClient) loaded() error { return c.client.ReloadFeatureFlags() }

var noEvents = false

// one evaluates one flag by the cheapest public call: without the
// $feature_flag_called event. It finds the payload too, as Answer does.
func (c *posthogClient) one(key string, s *posthogSubject) (bool, error) {
	result, err := c.client.GetFeatureFlagResult(posthog.FeatureFlagPayload{
		Key:                   key,
		DistinctId:            s.distinctID,
		PersonProperties:      s.properties,
		OnlyEvaluateLocally:   true,
		SendFeatureFlagEvents: &noEvents,
	})
	if err != nil {
		return false, err
	}
	return result.Enabled, nil
}

// all evaluates every flag by the cheapest public call; it gives values only.
func (c *posthogClient) all(s *posthogSubject) (map[string]any, error) {
	return c.client.GetAllFlags(posthog.FeatureFlagPayloadNoKey{
		DistinctId:          s.distinctID,
		PersonProperties:    s.properties,
		OnlyEvaluateLocally: true,
	})
}

// silent drops posthog-go's log.
type silent struct{}

func (silent) Debugf(string, ...any) {}
func (silent) Logf(string, ...any)   {}
func (silent) Warnf(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
