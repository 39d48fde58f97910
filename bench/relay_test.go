package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// posthog-go works through a relay with its endpoint and key changed, and
// however many clients there are, PostHog sees one poller.
func TestRelayServesPosthogGo(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(`{"flags":[
		{"id":1,"key":"on","active":true,"filters":{"groups":[{}],"payloads":{"true":"{\"limit\":5}"}}},
		{"id":2,"key":"pro","active":true,"filters":{"groups":[{"variant":"fast","properties":[{"key":"plan","type":"person","operator":"exact","value":"pro"}]}],
		 "multivariate":{"variants":[{"key":"fast","rollout_percentage":100}]}}}
	],"group_type_mapping":{},"cohorts":{}}`))
	up.SetPerson("ada", map[string]any{"plan": "pro"})
	key, hash := relay.NewKey()
	r, err := relay.New(t.Context(), relay.Config{
		Listen: "127.0.0.1:0",
		Projects: []relay.Project{{
			Token: posthogtest.ProjectToken, Host: up.URL, PollInterval: time.Hour,
			SecretKey: relay.Source{Value: posthogtest.SecretKey}, RelayKeys: []string{hash}, Server: true,
		}},
	}, relay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := r.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- r.Run(ctx, l, nil) }()
	defer func() {
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}()
	if err := r.WaitUntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	connect := func(secret string) posthog.Client {
		transport := &http.Transport{}
		client, err := posthog.NewWithConfig(posthogtest.ProjectToken, posthog.Config{
			Endpoint: "http://" + l.Addr().String(), SecretKey: secret, Transport: transport,
			DefaultFeatureFlagsPollingInterval: 50 * time.Millisecond, Logger: silent{}, BatchSize: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close(); transport.CloseIdleConnections() })
		return client
	}

	t.Run("local evaluation", func(t *testing.T) {
		for range 5 {
			client := connect(key)
			for range 3 {
				if err := client.ReloadFeatureFlags(); err != nil {
					t.Fatal(err)
				}
			}
			got, err := client.GetFeatureFlagResult(posthog.FeatureFlagPayload{
				Key: "pro", DistinctId: "eve", PersonProperties: posthog.Properties{"plan": "pro"}, OnlyEvaluateLocally: true, SendFeatureFlagEvents: &noEvents,
			})
			if err != nil || got.Variant == nil || *got.Variant != "fast" {
				t.Errorf("pro: %+v, %v, want fast", got, err)
			}
		}
	})
	t.Run("remote evaluation", func(t *testing.T) {
		client := connect("")
		flags, err := client.GetAllFlags(posthog.FeatureFlagPayloadNoKey{DistinctId: "ada"})
		if err != nil || flags["on"] != true || flags["pro"] != "fast" { // pro by what PostHog has stored
			t.Errorf("all flags: %v, %v", flags, err)
		}
		payload, err := client.GetFeatureFlagPayload(posthog.FeatureFlagPayload{Key: "on", DistinctId: "ada"})
		if err != nil || payload != `{"limit":5}` {
			t.Errorf("payload %q, %v", payload, err)
		}
	})
	t.Run("remote config", func(t *testing.T) {
		payload, err := connect(key).GetRemoteConfigPayload("on")
		if err != nil || !strings.Contains(payload, "limit") {
			t.Errorf("payload %q, %v", payload, err)
		}
	})
	t.Run("capture", func(t *testing.T) {
		client := connect("")
		before := len(up.Requests())
		if err := client.Enqueue(posthog.Capture{DistinctId: "ada", Event: "bought"}); err != nil {
			t.Fatal(err)
		}
		_ = client.Close() // sends what is queued
		arrived := false
		for _, req := range up.Requests()[before:] {
			arrived = arrived || req.Method == http.MethodPost && req.Path == "/batch/" && strings.Contains(string(req.Body), `"bought"`)
		}
		if !arrived {
			t.Error("the event did not arrive")
		}
	})

	polls := 0
	for _, req := range up.Requests() {
		if req.Path == "/flags/definitions" {
			polls++
		}
	}
	if polls != 1 {
		t.Errorf("PostHog was asked for definitions %d times, want once", polls)
	}
}
