package hogflags_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// twins are two flags that are always on or off together.
func twins(on bool) []byte {
	return fmt.Appendf(nil, `{"flags":[{"key":"a","active":%v,"filters":{"groups":[{}]}},{"key":"b","active":%[1]v,"filters":{"groups":[{}]}},
	 {"key":"asks","active":true,"filters":{"groups":[{"properties":[{"key":"p","type":"person","operator":"is_set","value":"is_set"}]}]}}]}`, on)
}

// A thousand goroutines see whole states of the definitions, never a mixture, while
// those change; and each exposure is reported once for each value.
func TestThousandGoroutines(t *testing.T) {
	srv := newServer(t)
	srv.SetDefinitions(twins(true))
	c, to := reporting(t, srv, func(cfg *hogflags.Config) { cfg.Observer = new(observations) })
	var wg sync.WaitGroup
	var mixed, failed atomic.Int64
	stop := make(chan struct{})
	changes := 0
	wg.Go(func() {
		for on := false; ; on = !on {
			select {
			case <-stop:
				return
			default:
			}
			srv.SetDefinitions(twins(on))
			if err := c.ReloadFeatureFlags(t.Context()); err != nil {
				t.Error(err)
				return
			}
			changes++
		}
	})
	var readers sync.WaitGroup
	for i := range 1000 {
		readers.Go(func() {
			subject := hogflags.Subject{DistinctID: fmt.Sprint("person-", i%100)}
			for range 20 {
				e, err := c.EvaluateFlags(t.Context(), subject, hogflags.FlagKeys("a", "b"))
				if err != nil {
					failed.Add(1)
				}
				if e.IsEnabled("a") != e.IsEnabled("b") {
					mixed.Add(1)
				}
				if _, err := c.IsFeatureEnabled(t.Context(), "a", subject); err != nil {
					failed.Add(1)
				}
				if i%100 == 0 {
					if _, err := c.IsFeatureEnabled(t.Context(), "asks", subject); err != nil {
						failed.Add(1)
					}
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	wg.Wait()
	if mixed.Load() != 0 || failed.Load() != 0 || changes < 2 {
		t.Errorf("%d snapshots mix two states, %d evaluations failed, %d changes", mixed.Load(), failed.Load(), changes)
	}
	seen := map[string]int{}
	for _, e := range to.take() {
		seen[fmt.Sprint(e.DistinctID, e.Properties["$feature_flag"], e.Properties["$feature_flag_response"])]++
	}
	for exposure, n := range seen {
		if n != 1 {
			t.Errorf("%s was reported %d times", exposure, n)
		}
	}
}

// Close ends a load that hangs, can be called again, and leaves evaluation be.
func TestCloseDuringLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		c := readyWith(t, srv, func(cfg *hogflags.Config) { cfg.PollInterval = time.Minute })
		srv.Fail(posthogtest.Failure{Delay: time.Hour})
		reloaded := make(chan error, 1)
		go func() { reloaded <- c.ReloadFeatureFlags(t.Context()) }()
		synctest.Wait()
		start := time.Now()
		if err := errors.Join(c.Close(), c.Close()); err != nil || time.Since(start) != 0 {
			t.Errorf("close: %v after %v", err, time.Since(start))
		}
		if err := <-reloaded; err == nil {
			t.Error("the reload succeeded")
		}
		if c.Status().State != loader.Closed {
			t.Errorf("state %v", c.Status().State)
		}
		if on, err := c.IsFeatureEnabled(t.Context(), "on", pro("u")); !on || err != nil {
			t.Errorf("after Close: %v, %v", on, err)
		}
		srv.Close()
	})
}

// After Close what was decided locally still is, and PostHog is asked nothing.
func TestEvaluateAfterClose(t *testing.T) {
	ada := hogflags.Subject{DistinctID: "ada"}
	for _, tt := range []struct {
		name   string
		change func(*hogflags.Config)
		local  bool
	}{
		{"with definitions", asking, true},
		{"local only", nil, true},
		{"remote only", remoteOnly, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := newServer(t)
			var told observations
			c := readyWith(t, srv, func(cfg *hogflags.Config) {
				if tt.change != nil {
					tt.change(cfg)
				}
				cfg.Observer = &told
			})
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			before := len(srv.Requests())
			if on, err := c.IsFeatureEnabled(t.Context(), "on", ada); on != tt.local || errors.Is(err, hogflags.ErrClosed) == tt.local {
				t.Errorf("on: %v, %v", on, err)
			}
			asks := tt.change != nil // what may ask gets to know why it does not
			if _, err := c.GetFeatureFlag(t.Context(), "beta", ada); !errors.Is(err, hogflags.ErrInconclusive) || errors.Is(err, hogflags.ErrClosed) != asks {
				t.Errorf("beta: %v", err)
			}
			e, err := c.EvaluateFlags(t.Context(), ada)
			if errors.Is(err, hogflags.ErrClosed) != asks || e.IsEnabled("on") != tt.local {
				t.Errorf("snapshot: %v, on is %v", err, e.IsEnabled("on"))
			}
			if _, err := c.GetRemoteConfigPayload(t.Context(), "beta"); !errors.Is(err, hogflags.ErrClosed) {
				t.Errorf("remote config: %v", err)
			}
			if err := c.ReloadFeatureFlags(t.Context()); tt.local && !errors.Is(err, hogflags.ErrClosed) {
				t.Errorf("reload: %v", err)
			}
			if n := len(srv.Requests()) - before; n != 0 {
				t.Errorf("%d requests after Close", n)
			}
			if n := len(told.requests); n != 0 {
				t.Errorf("the observer was told of %d requests", n)
			}
		})
	}
}

// A client that is closed before it has definitions says both.
func TestEvaluateAfterCloseWithoutDefinitions(t *testing.T) {
	srv := newServer(t)
	srv.Fail(posthogtest.Failure{Status: 503})
	c := newClient(t, srv, asking)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := c.IsFeatureEnabled(t.Context(), "on", hogflags.Subject{DistinctID: "ada"})
	if !errors.Is(err, hogflags.ErrClosed) || !errors.Is(err, hogflags.ErrNotReady) {
		t.Errorf("got %v, want ErrNotReady by ErrClosed", err)
	}
}

// Close does not wait for an evaluation that waits for PostHog, and that ends with
// its own context.
func TestCloseDuringRemoteEvaluation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		c := readyWith(t, srv, asking)
		srv.Fail(posthogtest.Failure{Delay: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := c.GetFeatureFlag(ctx, "beta", hogflags.Subject{DistinctID: "u"})
			done <- err
		}()
		synctest.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, hogflags.ErrInconclusive) {
			t.Errorf("got %v, want ErrInconclusive by the caller's context", err)
		}
		srv.Close()
	})
}

// An expired context keeps nothing from being decided locally, and ends what would
// wait.
func TestExpiredContext(t *testing.T) {
	srv := newServer(t)
	c := readyWith(t, srv, asking)
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	if on, err := c.IsFeatureEnabled(expired, "on", pro("u")); !on || err != nil {
		t.Errorf("local: %v, %v", on, err)
	}
	e, err := c.EvaluateFlags(expired, hogflags.Subject{DistinctID: "u"})
	if !errors.Is(err, context.Canceled) || !e.IsEnabled("on") || !errors.Is(e.Err("beta"), context.Canceled) {
		t.Errorf("snapshot: %v, %v", e.Err("beta"), err)
	}
	if err := c.ReloadFeatureFlags(expired); err == nil {
		t.Error("reload succeeded")
	}
	if _, err := hogflags.New(expired, hogflags.Config{ProjectToken: "phc_x", SecretKey: "phs_x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("New: %v", err)
	}
	for range 10 { // which speaks against the caller, not against PostHog
		_, _ = c.GetFeatureFlag(expired, "beta", hogflags.Subject{DistinctID: "u"})
	}
	if _, err := c.GetFeatureFlag(t.Context(), "beta", hogflags.Subject{DistinctID: "u"}); err != nil {
		t.Errorf("after callers gave up: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
