package hogflags_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/rules"
)

func pro(id string) hogflags.Subject {
	return hogflags.Subject{DistinctID: id, PersonProperties: map[string]any{"plan": "pro"}}
}

func TestGetFeatureFlag(t *testing.T) {
	srv := newServer(t)
	c := ready(t, srv)
	tests := []struct {
		key     string
		subject hogflags.Subject
		want    any
		enabled bool
		err     error
	}{
		{key: "beta", subject: pro("u"), want: true, enabled: true},
		{key: "beta", subject: hogflags.Subject{DistinctID: "u", PersonProperties: map[string]any{"plan": "free"}}, want: false},
		{key: "beta", subject: hogflags.Subject{DistinctID: "u", CompletePerson: true}, want: false},
		{key: "beta", subject: hogflags.Subject{DistinctID: "u"}, err: hogflags.ErrInconclusive},
		{key: "checkout", subject: pro("u"), want: "fast", enabled: true},
		{key: "off", subject: pro("u"), want: false},
		{key: "no such flag", subject: pro("u"), err: hogflags.ErrFlagNotFound},
	}
	for _, tt := range tests {
		got, err := c.GetFeatureFlag(t.Context(), tt.key, tt.subject)
		if got != tt.want || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("GetFeatureFlag(%q) = %v, %v; want %v, %v", tt.key, got, err, tt.want, tt.err)
		}
		enabled, err := c.IsFeatureEnabled(t.Context(), tt.key, tt.subject)
		if enabled != tt.enabled || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("IsFeatureEnabled(%q) = %v, %v; want %v, %v", tt.key, enabled, err, tt.enabled, tt.err)
		}
	}
}

func TestInconclusiveSaysWhatIsMissing(t *testing.T) {
	srv := newServer(t)
	c := ready(t, srv)
	_, err := c.GetFeatureFlag(t.Context(), "beta", hogflags.Subject{DistinctID: "u"})
	inconclusive, ok := errors.AsType[*hogflags.InconclusiveError](err)
	if !ok {
		t.Fatalf("got %v, want an *InconclusiveError", err)
	}
	want := &hogflags.InconclusiveError{Key: "beta", Missing: []hogflags.Missing{{Kind: rules.PersonProperty, Name: "plan"}}}
	if diff := cmp.Diff(inconclusive, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if got, want := err.Error(), `flag "beta" cannot be decided locally: missing person property plan`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if errors.Is(err, hogflags.ErrFlagNotFound) {
		t.Error("an inconclusive flag is no missing flag")
	}
	two := &hogflags.InconclusiveError{Key: "f", Missing: []hogflags.Missing{
		{Kind: rules.PersonProperty, Name: "plan"},
		{Kind: rules.GroupProperty, Name: "size", Group: "company"},
	}}
	if got, want := two.Error(), `flag "f" cannot be decided locally: missing person property plan, group property size of group type company`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The client fills in the time; a subject that brings its own keeps it.
func TestNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		c := newClient(t, srv, func(cfg *hogflags.Config) { cfg.PollInterval = 24 * time.Hour })
		if err := c.WaitUntilReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		subject := hogflags.Subject{
			DistinctID:       "u",
			PersonProperties: map[string]any{"signed_up": time.Now().Add(-72 * time.Hour)},
		}
		evaluate := func() (one, all any) {
			t.Helper()
			one, err := c.GetFeatureFlag(t.Context(), "recent", subject)
			if err != nil {
				t.Fatal(err)
			}
			snapshot, err := c.EvaluateFlags(t.Context(), subject)
			if err != nil {
				t.Fatal(err)
			}
			return one, snapshot.Value("recent")
		}
		if one, all := evaluate(); one != true || all != true {
			t.Errorf("3 days after: got %v and %v, want true", one, all)
		}
		time.Sleep(20 * 24 * time.Hour)
		if one, all := evaluate(); one != false || all != false {
			t.Errorf("23 days after: got %v and %v, want false", one, all)
		}
		subject.Now = time.Now().Add(-20 * 24 * time.Hour)
		if one, all := evaluate(); one != true || all != true {
			t.Errorf("with its own clock: got %v and %v, want true", one, all)
		}
	})
}

// New must return at once, whatever the network does, and evaluations must
// not wait for it either.
func TestNeverWaitsForTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Delay: 5 * time.Second})
		began := time.Now()
		c := newClient(t, srv, nil)
		_, one := c.GetFeatureFlag(t.Context(), "on", pro("u"))
		_, enabled := c.IsFeatureEnabled(t.Context(), "on", pro("u"))
		_, all := c.EvaluateFlags(t.Context(), pro("u"))
		for _, err := range []error{one, enabled, all} {
			if !errors.Is(err, hogflags.ErrNotReady) {
				t.Errorf("got %v, want ErrNotReady", err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("that took %v", took)
		}
		if err := c.WaitUntilReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		if on, err := c.IsFeatureEnabled(t.Context(), "on", pro("u")); !on || err != nil {
			t.Errorf("when ready: %v, %v", on, err)
		}
	})
}

func TestNotReadySaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		c := newClient(t, srv, func(cfg *hogflags.Config) { cfg.SecretKey = "phs_wrong" })
		synctest.Wait()
		_, err := c.GetFeatureFlag(t.Context(), "on", pro("u"))
		if !errors.Is(err, hogflags.ErrNotReady) || posthogapi.KindOf(err) != posthogapi.Unauthorized {
			t.Errorf("got %v, want ErrNotReady and the 401", err)
		}
	})
}

func TestFollowsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		c := newClient(t, srv, func(cfg *hogflags.Config) { cfg.PollInterval = time.Minute })
		if err := c.WaitUntilReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		snapshot, err := c.EvaluateFlags(t.Context(), pro("u"))
		if err != nil {
			t.Fatal(err)
		}
		var changes []hogflags.Change
		defer c.OnChange(func(change hogflags.Change) { changes = append(changes, change) })()

		if err := srv.SetActive("on", false); err != nil {
			t.Fatal(err)
		}
		if on, err := c.IsFeatureEnabled(t.Context(), "on", pro("u")); !on || err != nil {
			t.Errorf("before the next poll: %v, %v", on, err)
		}
		time.Sleep(66 * time.Second)
		synctest.Wait()
		if on, err := c.IsFeatureEnabled(t.Context(), "on", pro("u")); on || err != nil {
			t.Errorf("after the next poll: %v, %v; want the kill switch to be seen", on, err)
		}
		if !snapshot.IsEnabled("on") {
			t.Error("a snapshot changed with the definitions")
		}
		if len(changes) != 1 || !cmp.Equal(changes[0].Keys, []string{"on"}) {
			t.Errorf("changes %+v, want one, of the flag that changed", changes)
		}

		if err := srv.SetActive("on", true); err != nil {
			t.Fatal(err)
		}
		if err := c.ReloadFeatureFlags(t.Context()); err != nil {
			t.Fatal(err)
		}
		if on, err := c.IsFeatureEnabled(t.Context(), "on", pro("u")); !on || err != nil {
			t.Errorf("after a reload: %v, %v", on, err)
		}
	})
}

func TestGoesOnThroughAnOutageAndARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		file := func(cfg *hogflags.Config) { cfg.LastKnownGoodFile = filepath.Join(t.TempDir(), "flags") }
		var path string
		c := newClient(t, srv, func(cfg *hogflags.Config) { file(cfg); path = cfg.LastKnownGoodFile })
		if err := c.WaitUntilReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		srv.Fail(posthogtest.Failure{Status: 402})
		if err := c.ReloadFeatureFlags(t.Context()); posthogapi.KindOf(err) != posthogapi.QuotaLimited {
			t.Errorf("got %v, want the quota", err)
		}
		check := func(c *hogflags.Client) {
			t.Helper()
			if on, err := c.IsFeatureEnabled(t.Context(), "on", pro("u")); !on || err != nil {
				t.Errorf("got %v, %v; want the last good answer", on, err)
			}
			if got := c.Status(); got.State != loader.Stale || got.Cause == nil {
				t.Errorf("status %+v, want stale with a cause", got)
			}
		}
		check(c)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if on, err := c.IsFeatureEnabled(t.Context(), "on", pro("u")); !on || err != nil {
			t.Errorf("after Close: %v, %v; want the last good answer", on, err)
		}

		restarted := newClient(t, srv, func(cfg *hogflags.Config) { cfg.LastKnownGoodFile = path })
		check(restarted)
	})
}

func TestBootstrapAndTimeZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const document = `{"flags":[{"key":"f","active":true,"filters":{"groups":[{"properties":[
			{"key":"at","type":"person","operator":"is_date_before","value":"2026-01-01T12:00:00"}]}]}}]}`
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Status: 503})
		subject := hogflags.Subject{DistinctID: "u", PersonProperties: map[string]any{"at": "2026-01-01T10:30:00Z"}}

		unknown := newClient(t, srv, func(cfg *hogflags.Config) { cfg.Bootstrap = []byte(document) })
		_, err := unknown.GetFeatureFlag(t.Context(), "f", subject)
		if !errors.Is(err, hogflags.ErrInconclusive) || !strings.Contains(err.Error(), "time zone") {
			t.Errorf("without a time zone: got %v, want it inconclusive", err)
		}
		known := newClient(t, srv, func(cfg *hogflags.Config) {
			cfg.Bootstrap = []byte(document)
			cfg.TimeZone = time.FixedZone("CET", 3600)
		})
		if got, err := known.GetFeatureFlag(t.Context(), "f", subject); got != true || err != nil {
			t.Errorf("in CET: got %v, %v; want true", got, err)
		}
	})
}

func TestKeyRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		var mu sync.Mutex
		key := posthogtest.SecretKey
		c := newClient(t, srv, func(cfg *hogflags.Config) {
			cfg.SecretKey = ""
			cfg.SecretKeyFunc = func(context.Context) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				return key, nil
			}
		})
		if err := c.WaitUntilReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		srv.SetSecretKey("phs_rotated")
		if err := c.ReloadFeatureFlags(t.Context()); posthogapi.KindOf(err) != posthogapi.Unauthorized {
			t.Errorf("with the old key: %v", err)
		}
		mu.Lock()
		key = "phs_rotated"
		mu.Unlock()
		if err := c.ReloadFeatureFlags(t.Context()); err != nil {
			t.Errorf("with the new key: %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	good := hogflags.Config{ProjectToken: "phc_x", SecretKey: "phs_x"}
	tests := []struct {
		name   string
		change func(*hogflags.Config)
		want   string
	}{
		{"no token", func(c *hogflags.Config) { c.ProjectToken = "" }, "hogflags: config: ProjectToken is empty"},
		{"no key", func(c *hogflags.Config) { c.SecretKey, c.OnlyEvaluateLocally = "", true }, "OnlyEvaluateLocally needs definitions"},
		{"a file and no key", func(c *hogflags.Config) { c.SecretKey, c.LastKnownGoodFile = "", "flags" }, "SecretKey is empty"},
		{"negative timeout", func(c *hogflags.Config) { c.RemoteTimeout = -1 }, "RemoteTimeout is negative"},
		{"share without events", func(c *hogflags.Config) { c.EventShare = 0.5 }, "EventShare is set without Events"},
		{"share above 1", func(c *hogflags.Config) { c.EventShare, c.Events = 1.5, events.NewLogSink(slog.Default()) }, "want above 0 and at most 1"},
		{"bad host", func(c *hogflags.Config) { c.Host = "ftp://h" }, "neither http nor https"},
		{"too fast", func(c *hogflags.Config) { c.PollInterval = 1 }, "at least 100ms"},
		{"bad bootstrap", func(c *hogflags.Config) { c.Bootstrap = []byte("[]") }, "use Bootstrap"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			_, err := hogflags.New(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// Everything at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	srv := newServer(t)
	c := ready(t, srv)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				switch i % 4 {
				case 0:
					if err := srv.SetRollout("on", float64(i)); err != nil {
						t.Error(err)
					}
					if err := c.ReloadFeatureFlags(t.Context()); err != nil {
						t.Error(err)
					}
				case 1:
					defer c.OnChange(func(hogflags.Change) { c.Status() })()
				case 2:
					snapshot, err := c.EvaluateFlags(t.Context(), pro("u"))
					if err != nil || !snapshot.IsEnabled("beta") {
						t.Errorf("%v, %v", snapshot.Keys(), err)
					}
				default:
					if on, err := c.IsFeatureEnabled(t.Context(), "beta", pro("u")); !on || err != nil {
						t.Errorf("%v, %v", on, err)
					}
				}
			}
		})
	}
	wg.Wait()
}
