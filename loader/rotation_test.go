package loader_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// A key from a function is taken at the next poll. One that is refused for
// hours is asked for at each interval, so that a new one ends it soon.
func TestKeyRotationWhilePolling(t *testing.T) {
	const interval = 30 * time.Second
	for _, mode := range []string{"alone", "in a fleet", "over a provider"} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				var key atomic.Value
				key.Store(posthogtest.SecretKey)
				api, err := posthogapi.New(posthogapi.Config{
					Host: srv.URL, ProjectToken: posthogtest.ProjectToken, HTTPClient: srv.Client(),
					SecretKeyFunc: func(context.Context) (string, error) { return key.Load().(string), nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				cfg := loader.Config{Upstream: flagcache.PostHog(api)}
				switch mode {
				case "in a fleet":
					cfg.Coordinator = newFleet(t, srv)
				case "over a provider":
					if cfg.Coordinator, err = flagcache.FromProvider(always{}, flagcache.Options{}); err != nil {
						t.Fatal(err)
					}
				}
				l := ready(t, nil, cfg)

				time.Sleep(time.Second)
				key.Store("phs_second")
				srv.SetSecretKey("phs_second")
				time.Sleep(interval * 12 / 10)
				if s := l.Status(); s.Failed != 0 || s.NotModified == 0 {
					t.Errorf("a new key between two polls: %+v, want nothing to fail", s)
				}

				srv.SetSecretKey("phs_third")
				time.Sleep(3 * time.Hour)
				s := l.Status()
				if s.State != loader.Stale || posthogapi.KindOf(s.Cause) != posthogapi.Unauthorized {
					t.Fatalf("with a revoked key: %+v, want it stale and unauthorized", s)
				}
				if most := uint64(3*time.Hour/interval) + 5; s.Failed > most {
					t.Errorf("%d requests were refused in 3 h, want at most %d: one an interval", s.Failed, most)
				}
				key.Store("phs_third")
				time.Sleep(interval * 12 / 10)
				if s := l.Status(); s.State != loader.Current {
					t.Errorf("an interval after the new key: %+v, want it current", s)
				}
			})
		})
	}
}

// always fetches, and stores nowhere.
type always struct{}

func (always) FlagDefinitions(context.Context) (*flagcache.FlagDefinitions, error) { return nil, nil }

func (always) ShouldFetchFlagDefinitions(context.Context) (bool, error) { return true, nil }

func (always) OnFlagDefinitionsReceived(context.Context, *flagcache.FlagDefinitions) error {
	return nil
}

func (always) Shutdown(context.Context) error { return nil }
