package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/events"
)

// calls measures whole clients by the calls that an application makes, with the
// events that these report. Every exposure is reported before the measurement,
// so that the calls find it to be reported: what is usual for an application.
type calls struct {
	hogflags *hogflags.Client
	posthog  posthog.Client
	captured atomic.Int64 // by hogflags
	sent     atomic.Int64 // by posthog-go
}

// network answers both clients in memory: definitions, and events.
type network struct {
	body memory
	sent *atomic.Int64
}

func (p network) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case strings.HasPrefix(req.URL.Path, "/flags/definitions"):
		return p.body.RoundTrip(req)
	case req.URL.Path == "/batch/":
		body, err := io.ReadAll(req.Body)
		var batch struct {
			Batch []json.RawMessage `json:"batch"`
		}
		if err = errors.Join(err, json.Unmarshal(body, &batch)); err != nil {
			return nil, err
		}
		p.sent.Add(int64(len(batch.Batch)))
		return memory(`{"status":1}`).RoundTrip(req)
	}
	return nil, errors.New("both clients are expected to evaluate locally, one asked for " + req.URL.Path)
}

// Capture counts events.
func (c *calls) Capture(context.Context, events.Event) error {
	c.captured.Add(1)
	return nil
}

func newCalls(body []byte) (*calls, error) {
	c := new(calls)
	shared := network{body: body, sent: &c.sent}
	var err error
	c.hogflags, err = hogflags.New(context.Background(), hogflags.Config{
		Host: "http://posthog.invalid", ProjectToken: "phc_bench", SecretKey: "phs_bench",
		HTTPClient: &http.Client{Transport: shared}, PollInterval: 24 * time.Hour, Events: c,
	})
	if err != nil {
		return nil, err
	}
	if err := c.hogflags.WaitUntilReady(context.Background()); err != nil {
		return nil, err
	}
	c.posthog, err = posthog.NewWithConfig("phc_bench", posthog.Config{
		Endpoint: "http://posthog.invalid", SecretKey: "phs_bench", Transport: shared,
		DefaultFeatureFlagsPollingInterval: 24 * time.Hour, Interval: 10 * time.Millisecond, Logger: silent{},
	})
	return c, err
}

func (c *calls) close() error { return errors.Join(c.hogflags.Close(), c.posthog.Close()) }

// expose reports every exposure of the flags, and waits until posthog-go, whose
// queue is bounded, has taken them all.
func (c *calls) expose(subjects []subject, keys ...string) error {
	captured, sent := c.captured.Load(), c.sent.Load()
	want := int64(len(subjects) * len(keys))
	for deadline := time.Now().Add(time.Minute); c.sent.Load()-sent < want; time.Sleep(20 * time.Millisecond) {
		for _, key := range keys {
			for i := range subjects {
				if err := errors.Join(c.ours(key, &subjects[i]), c.theirs(key, &subjects[i])); err != nil {
					return err
				}
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("posthog-go sent %d events of %d in a minute", c.sent.Load()-sent, want)
		}
	}
	if got := c.captured.Load() - captured; got != want {
		return fmt.Errorf("hogflags reported %d exposures, want %d", got, want)
	}
	return nil
}

func (c *calls) ours(key string, s *subject) error {
	_, err := c.hogflags.GetFeatureFlag(context.Background(), key, s.hogflags)
	return err
}

func (c *calls) theirs(key string, s *subject) error {
	_, err := c.posthog.GetFeatureFlag(posthog.FeatureFlagPayload{
		Key: key, DistinctId: s.posthogGo.distinctID, PersonProperties: s.posthogGo.properties,
	})
	return err
}

// call is a row of the public call for one flag.
func (b *bench) call(name, key string, workers int) row {
	each := func(f func(key string, s *subject) error) contender {
		return func(n int) error {
			return parallel(max(workers, 1), n, func(i int) error { return f(key, &b.subjects[i%len(b.subjects)]) })
		}
	}
	return row{name: name, workers: workers, hogflags: each(b.calls.ours), posthogGo: each(b.calls.theirs)}
}

// snapshot is a row of a snapshot of some flags, all of which are then read. The
// subjects are few: their exposures are reported, too.
func (b *bench) snapshot(name string, c *calls, keys []string) row {
	return row{
		name: name,
		hogflags: func(n int) error {
			for i := range n {
				e, err := c.hogflags.EvaluateFlags(context.Background(), b.subjects[i%snapshotSubjects].hogflags, hogflags.FlagKeys(keys...))
				if err != nil {
					return err
				}
				for _, key := range keys {
					e.IsEnabled(key)
				}
			}
			return nil
		},
		posthogGo: func(n int) error {
			for i := range n {
				s := &b.subjects[i%snapshotSubjects].posthogGo
				e, err := c.posthog.EvaluateFlags(posthog.EvaluateFlagsPayload{
					DistinctId: s.distinctID, PersonProperties: s.properties, FlagKeys: keys,
				})
				if err != nil {
					return err
				}
				for _, key := range keys {
					e.IsEnabled(key)
				}
			}
			return nil
		},
	}
}

const snapshotSubjects = 64
