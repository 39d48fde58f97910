package rules_test

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/hogflags/hogflags/rules"
	"github.com/hogflags/hogflags/rules/internal/oracle"
)

// serverProject is a project and who was asked about, with what PostHog's
// server made of its flags.
type serverProject struct {
	Definitions json.RawMessage
	TimeZone    string
	Now         time.Time
	Complete    []string
	Runtime     string
	Contexts    []string
	Calls       []struct {
		Call oracle.Call

		// Served are the answers, value and payload, of a server that has
		// stored this or that: all flags asked for together, or one alone.
		Served map[string][][2]any
	}
}

// TestServerFlags compares whole flags with what PostHog's server made of them:
// what is decided is what it answered, whatever it had stored. The answers were
// computed in November 2026 by the evaluation of the server's crate
// feature-flags, with a database in memory: the condition loop, hashing,
// holdouts and early access as of commit 0da8f8c3 of autumn 2026, cohorts and
// the graph of dependencies as of that summer. Left to its description are the
// copying of $os and what a device-bucketed condition needs a device for. A flag
// that the server left out, or failed to compute, has no answers.
func TestServerFlags(t *testing.T) {
	lines := json.NewDecoder(gunzip(t, "testdata/serverflags.jsonl.gz"))
	lines.UseNumber()
	decided, open := 0, 0
	for n := 1; ; n++ {
		var p serverProject
		if err := lines.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		o := oracle.Options{Now: p.Now, Complete: p.Complete, Runtime: p.Runtime, Contexts: p.Contexts}
		if p.TimeZone != "" {
			zone, err := time.LoadLocation(p.TimeZone)
			if err != nil {
				t.Fatal(err)
			}
			o.TimeZone = zone
		}
		set := compile(t, p.Definitions, o)
		for i, c := range p.Calls {
			for _, got := range set.EvaluateAll(nil, subjectOf(c.Call, o)) {
				if got.Status == rules.Inconclusive {
					open++
					continue
				}
				decided++
				for _, want := range c.Served[got.Key()] {
					if got.Value() != want[0] || !reflect.DeepEqual(decode(got.Payload()), want[1]) {
						t.Errorf("line %d, call %d, flag %s: got %v, payload %s, the server answered %v", n, i, got.Key(), got.Value(), got.Payload(), want)
						break
					}
				}
			}
		}
	}
	t.Logf("%d answers decided, %d left open", decided, open)
	if decided < open {
		t.Error("most is left open")
	}
}
