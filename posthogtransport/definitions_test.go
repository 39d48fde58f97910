package posthogtransport_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/posthogtransport"
)

// run runs the program to its end on a config, and returns what it read and
// what it sent.
func run(t *testing.T, srv *posthogServer, cfg posthog.Config) ([]string, []map[string]any) {
	t.Helper()
	c, err := posthog.NewWithConfig(posthogtest.ProjectToken, cfg)
	if err != nil {
		t.Fatal(err)
	}
	got := program(c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	return got, srv.takeEvents()
}

// Values, payloads and events are those of posthog-go by itself; PostHog is
// asked once for all.
func TestFleetOfUnchangedPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone := newServer(t)
		values, events := run(t, alone, config(alone))
		if n := alone.askedForDefinitions(); n != 1 || len(events) < 9 {
			t.Fatalf("without hogflags: asked %d times, %d events", n, len(events))
		}

		srv := newServer(t)
		store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			client := newClient(t, srv, func(cfg *hogflags.Config) {
				if cfg.Cache, err = flagcache.New(store, flagcache.Options{}); err != nil {
					t.Fatal(err)
				}
			})
			cfg := config(srv)
			cfg.PersonalApiKey = "phx_anything" // it goes nowhere
			if err := posthogtransport.Configure(&cfg, client); err != nil {
				t.Fatal(err)
			}
			gotValues, gotEvents := run(t, srv, cfg)
			if diff := cmp.Diff(gotValues, values); diff != "" {
				t.Errorf("program %d: values (-got +alone):\n%s", i, diff)
			}
			if diff := cmp.Diff(gotEvents, events); diff != "" {
				t.Errorf("program %d: events (-got +alone):\n%s", i, diff)
			}
		}
		if n := srv.askedForDefinitions(); n != 1 {
			t.Errorf("the fleet asked for definitions %d times, want once", n)
		}
		if n := srv.asked("/flags"); n != 0 {
			t.Errorf("the fleet asked for flags %d times", n)
		}
	})
}

func isOn(t *testing.T, c posthog.Client, key string) any {
	t.Helper()
	v, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{Key: key, DistinctId: "ada", OnlyEvaluateLocally: true})
	if err != nil {
		t.Error(err)
	}
	return v
}

func TestChangesArriveWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		client := newClient(t, srv, nil)
		cfg := config(srv)
		if err := posthogtransport.Configure(&cfg, client); err != nil {
			t.Fatal(err)
		}
		c := start(t, cfg)
		if got := isOn(t, c, "on"); got != true {
			t.Fatalf("got %v, want true", got)
		}
		if err := srv.SetActive("on", false); err != nil {
			t.Fatal(err)
		}
		if err := client.ReloadFeatureFlags(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := isOn(t, c, "on"); got != false {
			t.Errorf("a second after the change: got %v, want false", got)
		}
		asked := srv.askedForDefinitions()
		time.Sleep(20 * time.Second)
		if n := srv.askedForDefinitions() - asked; n != 0 {
			t.Errorf("posthog-go's polls reached PostHog %d times", n)
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		cfg := config(srv)
		if err := posthogtransport.Configure(&cfg, newClient(t, srv, nil)); err != nil {
			t.Fatal(err)
		}
		// Two clients of one config keep their polls apart.
		clients := []posthog.Client{start(t, cfg), nil}
		time.Sleep(300 * time.Millisecond)
		clients[1] = start(t, cfg)
		time.Sleep(10*time.Second + 500*time.Millisecond)
		if n := srv.askedForDefinitions(); n != 1 {
			t.Fatalf("asked %d times before the reload, want once", n)
		}
		for i, c := range clients {
			if err := srv.SetActive("on", i != 0); err != nil {
				t.Fatal(err)
			}
			if err := c.ReloadFeatureFlags(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got, want := isOn(t, c, "on"), i != 0; got != want {
				t.Errorf("client %d after its reload: got %v, want %v", i, got, want)
			}
			if n := srv.askedForDefinitions(); n != i+2 {
				t.Errorf("asked %d times after %d reloads", n, i+1)
			}
		}
		time.Sleep(10 * time.Second)
		if n := srv.askedForDefinitions(); n != 3 {
			t.Errorf("asked %d times in the end, want 3: polls after a reload are no reloads", n)
		}
	})
}

// A failed reload, for one, changes nothing.
func TestQuotaKeepsTheFlags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		alone, cfg := config(srv), config(srv)
		alone.DefaultFeatureFlagsPollingInterval = time.Second
		if err := posthogtransport.Configure(&cfg, newClient(t, srv, nil)); err != nil {
			t.Fatal(err)
		}
		without, with := start(t, alone), start(t, cfg)
		settle()
		srv.Fail(posthogtest.Failure{Status: 402})
		if err := with.ReloadFeatureFlags(); err != nil {
			t.Fatal(err)
		}
		settle()
		for range 3 {
			if got := isOn(t, with, "on"); got != true {
				t.Errorf("got %v, want true", got)
			}
			time.Sleep(time.Minute)
		}
		v, err := without.GetFeatureFlag(posthog.FeatureFlagPayload{Key: "on", DistinctId: "ada", OnlyEvaluateLocally: true})
		if v == true {
			t.Errorf("posthog-go alone: got %v, %v; it used to drop its flags", v, err)
		}
	})
}

// A client that is told to drop its flags, or to distrust old ones, has
// posthog-go do so.
func TestClearedAndExpired(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		set    func(*hogflags.Config)
	}{
		"cleared": {402, func(cfg *hogflags.Config) { cfg.OnQuotaLimited = hogflags.ClearFlags }},
		"expired": {503, func(cfg *hogflags.Config) { cfg.MaxAge = 5 * time.Minute }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				cfg := config(srv)
				if err := posthogtransport.Configure(&cfg, newClient(t, srv, tt.set)); err != nil {
					t.Fatal(err)
				}
				c := start(t, cfg)
				settle()
				srv.Fail(posthogtest.Failure{Path: "/flags/definitions", Status: tt.status})
				time.Sleep(10 * time.Minute)
				v, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{Key: "on", DistinctId: "ada"})
				if v != true || err != nil || srv.asked("/flags") == 0 {
					t.Errorf("got %v, %v, and asked PostHog %d times; want its answer", v, err, srv.asked("/flags"))
				}
				srv.Recover()
				time.Sleep(10 * time.Minute)
				if got := isOn(t, c, "on"); got != true {
					t.Errorf("after the recovery: got %v", got)
				}
			})
		})
	}
}

// Without any definitions posthog-go hears the reason, and does what it does.
func TestNothingToServe(t *testing.T) {
	for name, tt := range map[string]struct {
		failure posthogtest.Failure
		log     string
	}{
		"quota":      {posthogtest.Failure{Status: 402}, "quota limited"},
		"wrong key":  {posthogtest.Failure{Status: 401}, "401 Unauthorized: hogflags: no flag definitions yet"},
		"too many":   {posthogtest.Failure{Status: 429}, "429 Too Many Requests: hogflags"},
		"down":       {posthogtest.Failure{Status: 503}, "503 Service Unavailable: hogflags"},
		"no answer":  {posthogtest.Failure{Delay: time.Hour}, "503 Service Unavailable: hogflags"},
		"no flags":   {posthogtest.Failure{Body: `{"detail": "hello"}`}, "503 Service Unavailable: hogflags"},
		"cut":        {posthogtest.Failure{Cut: true}, "503 Service Unavailable: hogflags"},
		"a redirect": {posthogtest.Failure{Status: 302}, "503 Service Unavailable: hogflags"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				tt.failure.Path = "/flags/definitions"
				srv.Fail(tt.failure)
				cfg := config(srv)
				if err := posthogtransport.Configure(&cfg, newClient(t, srv, nil)); err != nil {
					t.Fatal(err)
				}
				c := start(t, cfg)
				began := time.Now()
				v, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{Key: "on", DistinctId: "ada"})
				if v != true || err != nil || srv.asked("/flags") == 0 {
					t.Errorf("got %v, %v, and asked for flags %d times; want PostHog's answer", v, err, srv.asked("/flags"))
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("the first evaluation took %v", took)
				}
				settle()
				if log := cfg.Logger.(*recorder).String(); !strings.Contains(log, tt.log) {
					t.Errorf("log: %s\nwant %q", log, tt.log)
				}
				srv.Recover()
				time.Sleep(5 * time.Minute)
				if got := isOn(t, c, "on"); got != true {
					t.Errorf("after the failure: got %v, want true", got)
				}
				srv.Close() // a request may still hang
			})
		})
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		client := newClient(t, srv, nil)
		cfg := config(srv)
		if err := posthogtransport.Configure(&cfg, client); err != nil {
			t.Fatal(err)
		}
		first := start(t, cfg)
		settle()
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		second := start(t, cfg)
		if got := isOn(t, second, "on"); got != true || client.Status().Cause != nil {
			t.Errorf("after a posthog-go client was closed: got %v, cause %v", got, client.Status().Cause)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		third := start(t, cfg)
		settle()
		for i, c := range []posthog.Client{second, third} {
			if got := isOn(t, c, "on"); got != true {
				t.Errorf("client %d after the hogflags client was closed: got %v, want true", i, got)
			}
		}
		if err := third.ReloadFeatureFlags(); err != nil {
			t.Error(err)
		}
		settle()
		if got := isOn(t, third, "on"); got != true {
			t.Errorf("after a reload from a closed client: got %v, want true", got)
		}
	})
}

func TestConfigureRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		client := newClient(t, srv, func(cfg *hogflags.Config) { cfg.KeepDefinitions = false })
		cfg := config(srv)
		err := posthogtransport.Configure(&cfg, client)
		if !errors.Is(err, hogflags.ErrDefinitionsNotKept) || !strings.Contains(err.Error(), "set Config.KeepDefinitions") {
			t.Errorf("got %v", err)
		}
		if cfg.Transport != srv || cfg.NextFeatureFlagsPollingTick != nil {
			t.Error("a refused config was changed")
		}
		if err := posthogtransport.Configure(&cfg, nil); err == nil || cfg.Transport != srv {
			t.Errorf("without a client: %v", err)
		}
	})
}

// Another project's flags must never be answered.
func TestOtherProject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		client := newClient(t, srv, nil)
		for name, configure := range map[string]func(*posthog.Config, *hogflags.Client) error{
			"definitions": posthogtransport.Configure,
			"evaluation":  posthogtransport.ConfigureEvaluation,
		} {
			cfg := config(srv)
			log := &recorder{}
			cfg.Logger = log
			if err := configure(&cfg, client); err != nil {
				t.Fatal(err)
			}
			c, err := posthog.NewWithConfig("phc_other", cfg)
			if err != nil {
				t.Fatal(err)
			}
			v, err := c.GetFeatureFlag(posthog.FeatureFlagPayload{Key: "on", DistinctId: "ada"})
			if v != nil || err == nil || !strings.Contains(err.Error(), "401") {
				t.Errorf("%s: got %v, %v; want PostHog's refusal", name, v, err)
			}
			if !strings.Contains(log.String(), "give both the same project token") {
				t.Errorf("%s: log: %s", name, log)
			}
			_ = c.Close()
		}
	})
}
