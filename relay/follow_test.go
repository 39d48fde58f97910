package relay_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// following is a client whose host is a relay. It polls once an hour.
func following(t *testing.T, r *running, transport http.RoundTripper) *hogflags.Client {
	t.Helper()
	c, err := hogflags.New(t.Context(), hogflags.Config{
		ProjectToken: posthogtest.ProjectToken, SecretKey: key, Host: r.url, PollInterval: time.Hour,
		HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.WaitUntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func off(t *testing.T, c *hogflags.Client) bool {
	t.Helper()
	enabled, err := c.EvaluateFlags(t.Context(), hogflags.Subject{DistinctID: "ada"}, hogflags.OnlyEvaluateLocally())
	if err != nil {
		t.Fatal(err)
	}
	return !enabled.IsEnabled("on")
}

// A Go client whose host is a relay follows its changes as they come.
func TestClientFollowsRelay(t *testing.T) {
	r, up := startStreams(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := following(t, r, transport)
	other := r.subscribe(t, ofrepStream+"&since="+revisionOf(t, r))
	applied := make(chan time.Time, 10)
	c.OnChange(func(hogflags.Change) { applied <- time.Now() })
	r.streaming(t, 2)
	if off(t, c) {
		t.Fatal("off before the change")
	}
	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	other.next(t)
	told := time.Now()
	select {
	case at := <-applied:
		t.Logf("applied %v after another subscriber was told", at.Sub(told))
	case <-time.After(time.Minute):
		t.Fatal("the client does not follow")
	}
	if !off(t, c) {
		t.Error("still on after the change")
	}
}

// Where streams are cut off the client goes on polling, and does not ask more
// often for it.
func TestClientPollsWithoutStream(t *testing.T) {
	r, up := startStreams(t)
	var streams, polls atomic.Int64
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := following(t, r, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/hogflags/v1/changes" {
			streams.Add(1)
			return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody, Request: req}, nil
		}
		polls.Add(1)
		return transport.RoundTrip(req)
	}))
	first := revisionOf(t, r)
	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the relay has the change", "/livez", func(answer) bool { return revisionOf(t, r) != first })
	if err := c.ReloadFeatureFlags(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !off(t, c) {
		t.Error("still on after polling")
	}
	if n := polls.Load(); n > 3 {
		t.Errorf("%d polls, %d streams tried", n, streams.Load())
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// streaming waits until the relay has so many subscribers.
func (r *running) streaming(t *testing.T, n int64) {
	t.Helper()
	r.await(t, "they have subscribed", "/livez", func(answer) bool { return r.relay.Streams() == n })
}
