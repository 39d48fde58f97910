package rules_test

import (
	"testing"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// A withheld set decides nothing, says why, and leaves the set that it came
// from as it was.
func TestWithheld(t *testing.T) {
	defs, err := flagdef.Parse([]byte(`{"flags":[
		{"key":"on","active":true,"filters":{"groups":[{"rollout_percentage":100}]}},
		{"key":"off","active":false,"filters":{"groups":[]}},
		{"key":"after","active":true,"filters":{"groups":[{"properties":[{"type":"flag","key":"1","operator":"flag_evaluates_to","value":true}]}]}},
		{"key":"web","active":true,"evaluation_runtime":"client","filters":{"groups":[{"rollout_percentage":100}]}}
	],"cohorts":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	set := rules.Compile(defs, rules.Options{})
	why := rules.Missing{Kind: rules.Freshness, Name: "1m0s"}
	withheld := set.Withheld(why, nil)
	subject := &rules.Subject{DistinctID: "u"}
	for _, key := range []string{"on", "off", "after"} {
		a := withheld.Evaluate(key, subject)
		if a.Status != rules.Inconclusive || a.Enabled || len(a.Missing) != 1 || a.Missing[0] != why {
			t.Errorf("%s: %v, enabled %v, missing %v; want it inconclusive for want of %v", key, a.Status, a.Enabled, a.Missing, why)
		}
		if got := withheld.Explain(key, subject); got.Answer.Status != rules.Inconclusive || got.Stop == "" {
			t.Errorf("%s explained: %v, %q", key, got.Answer.Status, got.Stop)
		}
	}
	if got := why.String(); got != "definitions confirmed within 1m0s" {
		t.Errorf("the reason reads %q", got)
	}
	if got := withheld.Evaluate("web", subject).Status; got != rules.NotFound {
		t.Errorf("a flag for another runtime: %v", got)
	}
	if got := len(withheld.EvaluateAll(nil, subject)); got != 3 || withheld.Len() != set.Len() {
		t.Errorf("%d answers of %d flags, want 3 of 4", got, withheld.Len())
	}
	spared := set.Withheld(why, func(key string) bool { return key == "on" })
	if a := spared.Evaluate("on", subject); a.Status != rules.Decided || !a.Enabled {
		t.Errorf("a flag that is spared: %v", a.Status)
	}
	if a := spared.Evaluate("off", subject); a.Status != rules.Inconclusive {
		t.Errorf("the flag beside it: %v", a.Status)
	}
	if a := set.Evaluate("on", subject); a.Status != rules.Decided || !a.Enabled {
		t.Errorf("the set itself: %v", a.Status)
	}
}
