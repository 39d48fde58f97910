package rules_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

func TestTraits(t *testing.T) {
	defs, err := flagdef.Parse([]byte(`{"flags":[
		{"key":"plain","active":true,"evaluation_runtime":"all","filters":{"groups":[{}]}},
		{"key":"off","active":false,"filters":{"groups":[{}]}},
		{"key":"app","active":true,"evaluation_runtime":"client","ensure_experience_continuity":true,"filters":{"groups":[{}],"multivariate":{"variants":[{"key":"a","rollout_percentage":100}]}}},
		{"key":"child","active":true,"filters":{"groups":[
			{"properties":[{"key":"plain","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":["plain"]},{"key":"gone","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":[]}]},
			{"properties":[{"key":"plain","type":"flag","operator":"exact","value":true},{"key":"plan","type":"person","value":"pro"}]}]}},
		{"key":"bad","active":false,"filters":7},
		{"key":"twice","active":false,"filters":{"groups":[{}]}},{"key":"twice","active":false,"filters":{"groups":[{}]}}
	]}`))
	if err != nil {
		t.Fatal(err)
	}
	set := rules.Compile(defs, rules.Options{})
	want := []rules.Traits{
		{Key: "plain", Active: true},
		{Key: "off"},
		{Key: "app", Active: true, Continuity: true, Variants: true, Runtime: "client"},
		{Key: "child", Active: true, Needs: []string{"plain", "gone"}},
		{Key: "bad", Active: true, Continuity: true, Variants: true, Unusable: true},
		{Key: "twice", Active: true, Continuity: true, Variants: true, Unusable: true},
	}
	if diff := cmp.Diff(set.Traits(), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}
