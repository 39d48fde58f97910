package flagcache_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
)

func parsed(t *testing.T, version int) *flagcache.FlagDefinitions {
	t.Helper()
	d, err := flagcache.ParseFlagDefinitions([]byte(fleettest.Doc(version)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestProviderErrors is the documented behaviour, one row a failure.
func TestProviderErrors(t *testing.T) {
	no := func(context.Context) (bool, error) { return false, nil }
	for _, test := range []struct {
		name     string
		p        func(t *testing.T) *provider
		requests int // upstream, in three polls
		serves   int // version; upstream has 1, the cache 7
	}{
		{"decision fails", func(*testing.T) *provider {
			return &provider{decide: func(context.Context) (bool, error) { return false, errBroken }}
		}, 3, 1},
		{"decision panics", func(*testing.T) *provider {
			return &provider{decide: func(context.Context) (bool, error) { panic("boom") }}
		}, 3, 1},
		{"cached", func(t *testing.T) *provider {
			return &provider{decide: no, read: func(context.Context) (*flagcache.FlagDefinitions, error) { return parsed(t, 7), nil }}
		}, 0, 7},
		{"nothing cached and nothing loaded", func(*testing.T) *provider {
			return &provider{decide: no}
		}, 1, 1},
		{"read fails and nothing is loaded", func(*testing.T) *provider {
			return &provider{decide: no, read: func(context.Context) (*flagcache.FlagDefinitions, error) { return nil, errBroken }}
		}, 1, 1},
		{"read fails and something is loaded", func(t *testing.T) *provider {
			reads := 0
			return &provider{decide: no, read: func(context.Context) (*flagcache.FlagDefinitions, error) {
				if reads++; reads > 1 {
					panic("boom")
				}
				return parsed(t, 7), nil
			}}
		}, 0, 7},
		{"malformed and something is loaded", func(t *testing.T) *provider {
			reads := 0
			return &provider{decide: no, read: func(context.Context) (*flagcache.FlagDefinitions, error) {
				if reads++; reads > 1 {
					return &flagcache.FlagDefinitions{Raw: []byte(`{"oops":1}`)}, nil
				}
				return parsed(t, 7), nil
			}}
		}, 0, 7},
		{"store and shutdown fail", func(*testing.T) *provider {
			return &provider{
				store: func(context.Context, *flagcache.FlagDefinitions) error { return errBroken },
				stop:  func(context.Context) error { panic("boom") },
			}
		}, 3, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := fleettest.NewUpstream(1)
				n := lift(t, test.p(t), up)
				settle(2*interval*11/10 + time.Second)
				wantBody(t, []*fleettest.Node{n}, test.serves)
				if got := len(up.Requests()); got != test.requests {
					t.Errorf("%d requests upstream in three polls, want %d", got, test.requests)
				}
				n.Stop()
				if got := n.Status().Role; got != flagcache.RoleStopped {
					t.Errorf("role %q after the stop", got)
				}
			})
		})
	}
}

// TestProviderStoresUntilTaken: a failed store is repeated at the next polls,
// with the same document and no full request.
func TestProviderStoresUntilTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		var got []string
		n := lift(t, &provider{store: func(_ context.Context, d *flagcache.FlagDefinitions) error {
			got = append(got, string(d.Raw))
			if len(got) < 3 {
				return errBroken
			}
			return nil
		}}, up)
		settle(6 * interval)
		if len(got) != 3 || got[2] != fleettest.Doc(1) {
			t.Errorf("stored %d times, want until it was taken at the third: %q", len(got), got)
		}
		if up.Count(200) != 1 {
			t.Errorf("%d full requests, want 1", up.Count(200))
		}
		n.Stop()
	})
}

// TestProviderETagMovesWithData: after reading another document from the cache
// the next request is unconditional.
func TestProviderETagMovesWithData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		polls := 0
		n := lift(t, &provider{
			decide: func(context.Context) (bool, error) { polls++; return polls != 2, nil },
			read:   func(context.Context) (*flagcache.FlagDefinitions, error) { return parsed(t, 7), nil },
		}, up)
		settle(interval * 12 / 10)
		wantBody(t, []*fleettest.Node{n}, 7)
		settle(interval * 12 / 10)
		wantBody(t, []*fleettest.Node{n}, 1)
		if up.Count(200) != 2 {
			t.Errorf("%d full requests, want 2", up.Count(200))
		}
	})
}

func TestProviderReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		n := lift(t, &provider{}, up)
		settle(time.Second)
		up.Publish(fleettest.Doc(2))
		if err := n.Coordinator.Reload(t.Context()); err != nil {
			t.Errorf("reload: %v", err)
		}
		wantBody(t, []*fleettest.Node{n}, 2)
		n.Stop()
		if err := n.Coordinator.Reload(t.Context()); err == nil {
			t.Error("reload after the stop succeeded")
		}
	})
}

// posthogGo is a provider with the method names of the proposal.
type posthogGo struct{ stored map[string]any }

func (p *posthogGo) ShouldFetchFlagDefinitions(context.Context) (bool, error) { return true, nil }
func (p *posthogGo) GetFlagDefinitions(context.Context) (map[string]any, error) {
	return p.stored, nil
}
func (p *posthogGo) OnFlagDefinitionsReceived(_ context.Context, d map[string]any) error {
	p.stored = d
	return nil
}
func (p *posthogGo) Shutdown(context.Context) error { return nil }

func TestFromPostHogGo(t *testing.T) {
	p := &posthogGo{}
	adapted := flagcache.FromPostHogGo(p)
	if d, err := adapted.FlagDefinitions(t.Context()); d != nil || err != nil {
		t.Errorf("nothing stored: got %v, %v, want nil", d, err)
	}
	if err := adapted.OnFlagDefinitionsReceived(t.Context(), parsed(t, 3)); err != nil {
		t.Fatal(err)
	}
	d, err := adapted.FlagDefinitions(t.Context())
	if err != nil || len(d.Flags) != 1 {
		t.Errorf("what was stored comes back as %+v, %v", d, err)
	}
}

// TestProviderUpstreamFails: what is loaded stays, Retry-After is kept, and the
// next success ends it.
func TestProviderUpstreamFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		n := lift(t, &provider{}, up)
		settle(time.Second)
		refused := &flagcache.UpstreamError{Cause: flagcache.CauseRateLimited, RetryAfter: 5 * time.Minute, Err: errBroken}
		up.Fail(fmt.Errorf("fetch: %w", refused))
		settle(interval * 11 / 10)
		s := n.Status()
		if s.Failure != flagcache.CauseRateLimited || time.Until(s.NotBefore) < 4*time.Minute {
			t.Errorf("cause %q until %v, want the rate limit for 5 minutes", s.Failure, s.NotBefore)
		}
		before := len(up.Requests())
		settle(4 * time.Minute)
		if got := len(up.Requests()) - before; got != 0 {
			t.Errorf("%d requests while Retry-After runs, want none", got)
		}
		if err := n.Coordinator.Reload(t.Context()); err == nil {
			t.Error("a reload while Retry-After runs succeeded")
		}
		wantBody(t, []*fleettest.Node{n}, 1)
		up.Fail(nil)
		up.Publish(fleettest.Doc(2))
		settle(2 * time.Minute)
		wantBody(t, []*fleettest.Node{n}, 2)
		if s := n.Status(); s.Failure != "" {
			t.Errorf("cause %q after a success", s.Failure)
		}
		up.Fail(errBroken) // again and again: the wait doubles, and ends at 5 minutes
		before = len(up.Requests())
		settle(time.Hour)
		if got := len(up.Requests()) - before; got < 10 || got > 20 {
			t.Errorf("%d requests in an hour of failures, want some 15", got)
		}
	})
}
