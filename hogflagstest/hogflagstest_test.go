package hogflagstest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/hogflagstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func value(t *testing.T, c *hogflags.Client, key, id string) any {
	t.Helper()
	v, err := c.GetFeatureFlag(t.Context(), key, hogflags.Subject{DistinctID: id})
	if err != nil {
		t.Errorf("%s for %q: %v", key, id, err)
	}
	return v
}

func TestValues(t *testing.T) {
	t.Parallel()
	c := hogflagstest.Client(t, hogflagstest.Flags{
		"on": true, "off": false, "checkout": "blue",
		"rich": hogflags.Override{Value: "big", Payload: json.RawMessage(`"{\"limit\":3}"`)},
		"some": hogflagstest.ByID{"ada": true, "a.a": "dotted", "bob": false, "": "other"},
		"few":  hogflagstest.ByID{"ada": true},
	})
	for _, tt := range []struct {
		key, id string
		want    any
	}{
		{"on", "ada", true}, {"off", "ada", false}, {"checkout", "ada", "blue"}, {"checkout", "", "blue"}, {"rich", "ada", "big"},
		{"some", "ada", true}, {"some", "bob", false}, {"some", "Ada", "other"}, {"some", "a.a", "dotted"}, {"some", "aaa", "other"}, {"some", "", "other"},
		{"few", "ada", true}, {"few", "bob", false},
	} {
		if got := value(t, c, tt.key, tt.id); got != tt.want {
			t.Errorf("%s for %q = %v, want %v", tt.key, tt.id, got, tt.want)
		}
	}
	if _, err := c.GetFeatureFlag(t.Context(), "missing", hogflags.Subject{DistinctID: "ada"}); !errors.Is(err, hogflags.ErrFlagNotFound) {
		t.Errorf("a flag that is not there: %v", err)
	}
	e, err := c.EvaluateFlags(t.Context(), hogflags.Subject{DistinctID: "ada"})
	var payload struct{ Limit int }
	if err != nil || e.PayloadInto("rich", &payload) != nil || payload.Limit != 3 || e.Reason("on") != "condition_match" {
		t.Errorf("payload %v, reason %q, %v", payload, e.Reason("on"), err)
	}
}

const document = `{"flags":[
 {"id":7,"key":"base","active":true,"filters":{"groups":[{"rollout_percentage":100}]}},
 {"id":8,"key":"above","active":true,"filters":{"groups":[{"properties":[
  {"key":"base","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":["base"]}]}]}},
 {"id":9,"key":"fresh","active":true,"filters":{"groups":[{"properties":[
  {"key":"signed_up","type":"person","operator":"is_date_after","value":"-7d"}]}]}}
],"group_type_mapping":{"0":"company"},"cohorts":{}}`

func TestDefinitionsAndOverrides(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "flags.json")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	f := hogflagstest.New(t, hogflagstest.Config{File: file, Flags: hogflagstest.Flags{"extra": true}})
	if got := value(t, f.Client, "above", "ada"); got != true || value(t, f.Client, "extra", "ada") != true {
		t.Errorf("got %v, want true", got)
	}
	t.Run("overridden", func(t *testing.T) {
		f.Override(t, "base", false)
		f.Override(t, "new", "x")
		if got := value(t, f.Client, "above", "ada"); got != false || value(t, f.Client, "new", "ada") != "x" {
			t.Errorf("what rests on an overridden flag: got %v, want false", got)
		}
	})
	if got := value(t, f.Client, "above", "ada"); got != true {
		t.Errorf("after the subtest: got %v, want true", got)
	}
	for _, gone := range []string{"new", "removed"} {
		if gone == "removed" {
			f.Set(t, gone, true)
			f.Remove(t, gone)
		}
		if _, err := f.Client.GetFeatureFlag(t.Context(), gone, hogflags.Subject{DistinctID: "ada"}); !errors.Is(err, hogflags.ErrFlagNotFound) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	f.Set(t, "base", false)
	if got := value(t, f.Client, "above", "ada"); got != false {
		t.Errorf("after Set: got %v, want false", got)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	f := hogflagstest.New(t, hogflagstest.Config{
		Definitions: []byte(document),
		Configure:   func(cfg *hogflags.Config) { cfg.TimeZone = time.UTC },
	})
	signedUp := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	fresh := func() bool {
		on, err := f.Client.IsFeatureEnabled(t.Context(), "fresh", hogflags.Subject{DistinctID: "ada", PersonProperties: map[string]any{"signed_up": signedUp}})
		if err != nil {
			t.Error(err)
		}
		return on
	}
	f.SetNow(signedUp.Add(24 * time.Hour))
	if !fresh() {
		t.Error("a day later: off, want on")
	}
	f.SetNow(signedUp.Add(30 * 24 * time.Hour))
	if fresh() {
		t.Error("a month later: on, want off")
	}
	signedUp = time.Now().Add(-time.Hour)
	f.SetNow(time.Time{})
	if !fresh() {
		t.Error("on the real clock: off, want on")
	}
}

// A developer's environment does not change a test.
func TestEnvironment(t *testing.T) {
	t.Setenv(hogflags.OverridesVariable, "on=false")
	if got := value(t, hogflagstest.Client(t, hogflagstest.Flags{"on": true}), "on", "ada"); got != true {
		t.Errorf("got %v, want true", got)
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	f := hogflagstest.New(t, hogflagstest.Config{Flags: hogflagstest.Flags{"checkout": "blue", "quiet": true}})
	value(t, f.Client, "checkout", "ada")
	value(t, f.Client, "checkout", "ada")
	if err := f.Client.Capture(t.Context(), events.Event{Name: "bought", DistinctID: "ada"}); err != nil {
		t.Error(err)
	}
	f.AssertReported(t, "ada", "checkout", "blue")
	f.AssertNotReported(t, "quiet")
	if got := f.Events(); len(got) != 2 || got[1].Name != "bought" {
		t.Errorf("got %v, want one event for the flag and bought", got)
	}
	for name, fails := range map[string]func(testing.TB){
		"another value":  func(t testing.TB) { f.AssertReported(t, "ada", "checkout", true) },
		"another person": func(t testing.TB) { f.AssertReported(t, "bob", "checkout", "blue") },
		"another flag":   func(t testing.TB) { f.AssertReported(t, "ada", "quiet", true) },
		"reported":       func(t testing.TB) { f.AssertNotReported(t, "checkout") },
	} {
		failed := &failing{TB: t}
		fails(failed)
		if !strings.Contains(failed.text, "checkout = blue") {
			t.Errorf("%s: %q", name, failed.text)
		}
	}
}

// failing takes a failure instead of the test.
type failing struct {
	testing.TB
	text string
}

func (f *failing) Helper()                           {}
func (f *failing) Errorf(format string, args ...any) { f.text = fmt.Sprintf(format, args...) }
func (f *failing) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	panic(f)
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cfg  hogflagstest.Config
		want string
	}{
		"a number":        {hogflagstest.Config{Flags: hogflagstest.Flags{"x": 1}}, `flag "x": want false, true`},
		"a nested number": {hogflagstest.Config{Flags: hogflagstest.Flags{"x": hogflagstest.ByID{"ada": 1}}}, `flag "x": want false, true`},
		"empty variant":   {hogflagstest.Config{Flags: hogflagstest.Flags{"x": ""}}, "the variant is empty"},
		"payload":         {hogflagstest.Config{Flags: hogflagstest.Flags{"x": hogflags.Override{Value: true, Payload: json.RawMessage("{")}}}, "the payload is no JSON"},
		"no file":         {hogflagstest.Config{File: "no/such/file"}, "read definitions"},
		"no definitions":  {hogflagstest.Config{Definitions: []byte("{}")}, `the document has no "flags"`},
		"config":          {hogflagstest.Config{Configure: func(c *hogflags.Config) { c.RemoteTimeout = -1 }}, "RemoteTimeout"},
	} {
		failed := &failing{TB: t}
		func() {
			defer func() { _ = recover() }()
			hogflagstest.New(failed, tt.cfg)
		}()
		if !strings.Contains(failed.text, tt.want) {
			t.Errorf("%s: %q, want %q", name, failed.text, tt.want)
		}
	}
}

// It works inside a bubble, days are no matter, and nobody is asked.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := hogflagstest.New(t, hogflagstest.Config{
			Flags:     hogflagstest.Flags{"on": true},
			Configure: func(cfg *hogflags.Config) { cfg.OnlyEvaluateLocally = false },
		})
		time.Sleep(100 * 24 * time.Hour)
		if got := value(t, f.Client, "on", "ada"); got != true {
			t.Errorf("got %v", got)
		}
		_, err := f.Client.GetFeatureFlag(context.Background(), "missing", hogflags.Subject{DistinctID: "ada"})
		if err == nil || !strings.Contains(err.Error(), "no network") {
			t.Errorf("a flag that is not there, asked of PostHog: %v", err)
		}
	})
}

func TestManyAtATime(t *testing.T) {
	t.Parallel()
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			f := hogflagstest.New(t, hogflagstest.Config{Flags: hogflagstest.Flags{"n": fmt.Sprint("v", i)}})
			for j := range 10 {
				if got, want := value(t, f.Client, "n", "ada"), fmt.Sprint("v", i+j); got != want {
					t.Errorf("got %v, want %v", got, want)
				}
				f.Set(t, "n", fmt.Sprint("v", i+j+1))
			}
		})
	}
}
