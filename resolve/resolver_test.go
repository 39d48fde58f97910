package resolve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/rules"
)

// server is a PostHog that is given its answers.
type server struct {
	flags    map[string]posthogapi.Flag
	errors   bool
	err      error
	requests []posthogapi.FlagsRequest
}

func (s *server) Flags(_ context.Context, r posthogapi.FlagsRequest) (posthogapi.Flags, error) {
	s.requests = append(s.requests, r)
	if s.err != nil {
		return posthogapi.Flags{}, s.err
	}
	answer := posthogapi.Flags{Flags: map[string]posthogapi.Flag{"dependency": {Key: "dependency", Enabled: true}}, Errors: s.errors}
	for key, f := range s.flags {
		if r.Keys == nil || slices.Contains(r.Keys, key) {
			answer.Flags[key] = f
		}
	}
	return answer, nil
}

// kinds are what a flag can be to the definitions.
var kinds = []string{"on", "off", "open", "hidden", "undefined"}

func define(t *rapid.T, kind map[string]string) *rules.Set {
	document := `{"flags":[`
	for _, key := range slices.Sorted(maps.Keys(kind)) {
		definition := map[string]string{
			"on":     `{"key":%q,"active":true,"filters":{"groups":[{}]}}`,
			"off":    `{"key":%q,"active":true,"filters":{"groups":[]}}`,
			"open":   `{"key":%q,"active":true,"filters":{"groups":[{"properties":[{"key":"p","type":"person","value":"x"}]}]}}`,
			"hidden": `{"key":%q,"active":true,"evaluation_runtime":"client","filters":{"groups":[{}]}}`,
		}[kind[key]]
		if definition == "" {
			continue
		}
		if document[len(document)-1] != '[' {
			document += ","
		}
		document += fmt.Sprintf(definition, key)
	}
	defs, err := flagdef.Parse([]byte(document + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return rules.Compile(defs, rules.Options{})
}

// However flags are mixed, and whatever PostHog answers: one request at most, for
// exactly what is open; local answers stand; the answers come in order.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := map[string]string{}
		remote := &server{flags: map[string]posthogapi.Flag{}, errors: rapid.Bool().Draw(t, "errors")}
		for i := range rapid.IntRange(0, 6).Draw(t, "flags") {
			key := fmt.Sprint("f", i)
			kind[key] = rapid.SampledFrom(kinds).Draw(t, key)
			switch rapid.IntRange(0, 3).Draw(t, "remote "+key) {
			case 1:
				remote.flags[key] = posthogapi.Flag{Key: key, Enabled: true, Variant: "remote"}
			case 2:
				remote.flags[key] = posthogapi.Flag{Key: key, Failed: true, Reason: "timeout"}
			}
		}
		if rapid.Bool().Draw(t, "down") {
			remote.err = errors.New("down")
		}
		local := rapid.Bool().Draw(t, "local only")
		var keys []string
		if rapid.Bool().Draw(t, "of keys") {
			keys = []string{}
			for range rapid.IntRange(0, 5).Draw(t, "keys") {
				keys = append(keys, fmt.Sprint("f", rapid.IntRange(0, 7).Draw(t, "key")))
			}
		}
		r := New(Config{Remote: remote})
		q := Question{Set: define(t, kind), Subject: &rules.Subject{DistinctID: "u"}, LocalOnly: local}
		answers, err := r.Flags(t.Context(), &q, keys)

		open := map[string]bool{}
		for _, key := range keys {
			if k := kind[key]; k == "open" || k == "undefined" || k == "" {
				open[key] = true
			}
		}
		if keys == nil {
			for key, k := range kind {
				if k == "open" {
					open[key] = true
				}
			}
		}
		if local {
			clear(open)
		}
		switch {
		case len(remote.requests) > 1, (len(remote.requests) == 1) != (len(open) > 0):
			t.Fatalf("%d requests for %v", len(remote.requests), open)
		case len(open) > 0 && !slices.Equal(remote.requests[0].Keys, slices.Sorted(maps.Keys(open))):
			t.Fatalf("asked for %v, want %v", remote.requests[0].Keys, open)
		case (err != nil) != (remote.err != nil && len(open) > 0):
			t.Fatalf("error %v", err)
		case keys != nil && len(answers) != len(keys):
			t.Fatalf("%d answers for %d keys", len(answers), len(keys))
		}
		for i, a := range answers {
			key := a.Key()
			if keys != nil && key != keys[i] {
				t.Fatalf("answer %d is for %s, want %s", i, key, keys[i])
			}
			from, answered := remote.flags[key]
			want := rules.NotFound
			switch k := kind[key]; {
			case k == "on", k == "off":
				want = rules.Decided
				if a.Value() != (k == "on") || !a.DecidedLocally() || a.Asked() {
					t.Fatalf("%s: %+v, want it decided locally", key, a)
				}
			case k == "hidden":
			case !open[key]:
				if k == "open" {
					want = rules.Inconclusive
				}
			case remote.err != nil, answered && from.Failed, !answered && remote.errors && k == "open":
				want = rules.Inconclusive
				if a.Cause() == nil || a.Value() != nil || a.Enabled() {
					t.Fatalf("%s: %+v, want no value and a cause", key, a)
				}
			case answered:
				want = rules.Decided
				if a.Value() != "remote" || a.DecidedLocally() {
					t.Fatalf("%s: %+v, want PostHog's", key, a)
				}
			}
			if a.Status() != want {
				t.Fatalf("%s (%s): %v, want %v", key, kind[key], a.Status(), want)
			}
		}

		// The same once more: what neither side knew is not asked for.
		if remote.err == nil && !remote.errors && keys != nil {
			before := len(remote.requests)
			if _, err := r.Flags(t.Context(), &q, keys); err != nil {
				t.Fatal(err)
			}
			for _, request := range remote.requests[before:] {
				for _, key := range request.Keys {
					if _, known := remote.flags[key]; !known && kind[key] != "open" {
						t.Fatalf("%s is asked for again", key)
					}
				}
			}
		}
	})
}

// A snapshot is of one moment, and leaves the subject as it was.
// A key that nobody knows says nothing of another one, however it is spelled: keys
// may come from outside.
func TestUnknownKeysDoNotMeet(t *testing.T) {
	remote := &server{flags: map[string]posthogapi.Flag{}}
	r := New(Config{Remote: remote})
	set := rules.Compile(&flagdef.Definitions{}, rules.Options{})
	server := &rules.Subject{DistinctID: "u"}
	client := &rules.Subject{DistinctID: "u", Runtime: rules.RuntimeClient}
	if _, err := r.Flags(t.Context(), &Question{Set: set, Subject: server}, []string{"a\x001\x00[]"}); err != nil {
		t.Fatal(err)
	}
	remote.flags["a"] = posthogapi.Flag{Key: "a", Enabled: true}
	answers, err := r.Flags(t.Context(), &Question{Set: set, Subject: client}, []string{"a"})
	if err != nil || !answers[0].Enabled() {
		t.Errorf("a for a client: %v, %v; want PostHog's answer", answers[0].Status(), err)
	}
}

func TestSubjectIsGivenBack(t *testing.T) {
	defs, err := flagdef.Parse([]byte(`{"flags":[{"key":"f","active":true,"filters":{"groups":[{"properties":[{"key":"d","type":"person","operator":"is_date_after","value":"-1d"}]}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	set := rules.Compile(defs, rules.Options{})
	s := rules.Subject{DistinctID: "u", PersonProperties: map[string]any{"d": "2000-01-01T00:00:00Z"}}
	var a rules.Answer
	if Evaluate(&a, set, "f", &s); a.Status != rules.Decided || a.Enabled || !s.Now.IsZero() {
		t.Errorf("one flag: %+v, now %v", a, s.Now)
	}
	r := New(Config{Remote: &server{}})
	if answers, err := r.Flags(t.Context(), &Question{Set: set, Subject: &s}, nil); err != nil || answers[0].Value() != false || !s.Now.IsZero() {
		t.Errorf("all: %+v, %v, now %v", answers, err, s.Now)
	}
}

// stalled is a PostHog that does not answer.
type stalled struct{ asked int }

func (s *stalled) Flags(ctx context.Context, _ posthogapi.FlagsRequest) (posthogapi.Flags, error) {
	s.asked++
	<-ctx.Done()
	return posthogapi.Flags{}, ctx.Err()
}

// A caller that has little time does not keep PostHog from the others; callers
// that wait long in vain do.
func TestDeadlinesOfCallers(t *testing.T) {
	for _, tt := range []struct {
		patience time.Duration
		want     int
	}{{-time.Second, 20}, {50 * time.Millisecond, 20}, {2 * time.Second, tripAfter}, {time.Hour, tripAfter}} {
		synctest.Test(t, func(t *testing.T) {
			remote := new(stalled)
			r := New(Config{Remote: remote})
			for range 20 {
				ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(tt.patience))
				_, err := r.Flags(ctx, &Question{Subject: &rules.Subject{DistinctID: "u"}}, []string{"f"})
				cancel()
				if err == nil {
					t.Fatal("an answer")
				}
			}
			if remote.asked != tt.want {
				t.Errorf("patience %v: asked %d times of 20, want %d", tt.patience, remote.asked, tt.want)
			}
		})
	}
}

func TestRequestResults(t *testing.T) {
	for want, err := range map[string]error{
		"answered": nil, "failed": errors.New("x"), "timeout": fmt.Errorf("%w", context.DeadlineExceeded), "canceled": context.Canceled,
		"quota_limited": ErrQuotaLimited, "circuit_open": fmt.Errorf("%w: %w", ErrCircuitOpen, context.DeadlineExceeded),
	} {
		if got := (Request{Err: err}).Result(); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
	if got := (Request{Err: &posthogapi.StatusError{StatusCode: 402, Kind: posthogapi.QuotaLimited}}).Result(); got != "quota_limited" {
		t.Errorf("402: %s", got)
	}
}
