package hogflags_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// Clients that share definitions poll once, see the same, and one that is
// closed takes nothing from the others.
func TestDefinitionsFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		keeper := ready(t, srv)
		var sharers []*hogflags.Client
		for range 3 {
			c, err := hogflags.New(t.Context(), hogflags.Config{DefinitionsFrom: keeper})
			if err != nil {
				t.Fatal(err)
			}
			sharers = append(sharers, c)
		}
		time.Sleep(time.Minute)
		asked := len(srv.Requests())
		if asked > 4 {
			t.Errorf("%d requests in a minute, want those of one client", asked)
		}
		for _, c := range sharers {
			if !isOn(t, c) || c.Status().Revision != keeper.Status().Revision {
				t.Error("a sharer does not answer from the keeper's definitions")
			}
		}
		if err := sharers[0].Close(); err != nil || keeper.Status().State != loader.Current {
			t.Errorf("closing a sharer: %v, the keeper is %v", err, keeper.Status().State)
		}
		if err := sharers[1].ReloadFeatureFlags(t.Context()); err != nil || len(srv.Requests()) == asked {
			t.Errorf("reload through a sharer: %v, %d requests, want another one", err, len(srv.Requests()))
		}
	})
}

func TestDefinitionsFromRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keeper := ready(t, newServer(t))
		for _, tt := range []struct {
			cfg  hogflags.Config
			want string
		}{
			{hogflags.Config{SecretKey: "phs_x", MaxAge: time.Hour}, "SecretKey, MaxAge is set beside DefinitionsFrom"},
			{hogflags.Config{ProjectToken: "phc_other"}, "another project"},
		} {
			tt.cfg.DefinitionsFrom = keeper
			if _, err := hogflags.New(t.Context(), tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		}
		if _, err := hogflags.New(t.Context(), hogflags.Config{DefinitionsFrom: keeper, ProjectToken: posthogtest.ProjectToken}); err != nil {
			t.Errorf("the same project: %v", err)
		}
	})
}

// Definitions that are too old decide nothing, and the error says so; over the
// quota the flags are gone, if that is wanted.
func TestMaxAgeAndQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		c := newClient(t, srv, func(cfg *hogflags.Config) {
			cfg.MaxAge = time.Hour
			cfg.OnQuotaLimited = hogflags.ClearFlags
		})
		if err := c.WaitUntilReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		srv.Fail(posthogtest.Failure{Status: 503})
		time.Sleep(61 * time.Minute)
		_, err := c.IsFeatureEnabled(t.Context(), "on", pro("u"))
		if !errors.Is(err, hogflags.ErrInconclusive) || !strings.Contains(err.Error(), "definitions confirmed within 1h0m0s") {
			t.Errorf("after an hour: %v, want it inconclusive for want of confirmed definitions", err)
		}
		srv.Recover()
		time.Sleep(3 * time.Minute)
		if !isOn(t, c) {
			t.Error("not on after recovery")
		}
		srv.Fail(posthogtest.Failure{Status: 402})
		time.Sleep(time.Minute)
		if _, err := c.IsFeatureEnabled(t.Context(), "on", pro("u")); !errors.Is(err, hogflags.ErrFlagNotFound) || !c.Status().Cleared {
			t.Errorf("over the quota: %v, want the flag gone", err)
		}
	})
}
