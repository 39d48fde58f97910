package flagdef_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hogflags/hogflags/flagdef"
)

func parse(t *testing.T, body string) *flagdef.Definitions {
	t.Helper()
	defs, err := flagdef.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return defs
}

func TestParse(t *testing.T) {
	got := parse(t, `{
		"flags": [{
			"id": 7, "team_id": 1, "key": "beta", "name": "Beta", "version": 3, "active": true, "deleted": false,
			"ensure_experience_continuity": null, "has_experiment": true, "has_encrypted_payloads": false,
			"bucketing_identifier": "device_id", "evaluation_runtime": "server", "evaluation_tags": ["web"],
			"evaluation_contexts_match_mode": "all", "a_new_field": [1, {"x": null}],
			"filters": {
				"aggregation_group_type_index": 1, "feature_enrollment": true, "early_exit": true,
				"holdout": {"id": 5, "exclusion_percentage": 10.5},
				"multivariate": {"variants": [{"key": "a", "name": null, "rollout_percentage": 33.3}]},
				"payloads": {"a": "{\"x\": 1}", "true": null},
				"super_groups": null,
				"groups": [
					{"properties": [{"key": "plan", "type": "person", "operator": "exact", "value": ["pro", 1.0]}],
					 "rollout_percentage": 25.5, "variant": "a", "aggregation_group_type_index": null},
					{"properties": null, "rollout_percentage": null, "variant": null}
				]
			}
		}],
		"group_type_mapping": {"0": "company", "1": "project"},
		"cohorts": {"42": {"type": "OR", "values": [
			{"type": "AND", "values": [{"key": "age", "type": "person", "operator": "gt", "value": 18, "negation": true}]},
			{"key": "id", "type": "cohort", "value": 43}
		]}},
		"minimal_flag_called_events": true,
		"property_matching_version": 2
	}`)
	want := &flagdef.Definitions{
		Flags: []flagdef.Flag{{
			Key: "beta", ID: 7, Version: 3, Active: true, HasExperiment: true, ExperimentKnown: true, ByDevice: true,
			Runtime: "server", Contexts: []string{"web"}, MatchAll: true, Aggregation: 1,
			FeatureEnrollment: true, EarlyExit: true,
			Holdout:  &flagdef.Holdout{ID: 5, Percentage: 10.5},
			Variants: []flagdef.Variant{{Key: "a", Percentage: 33.3}},
			Payloads: []flagdef.Payload{{Key: "a", Value: flagdef.Value(`"{\"x\": 1}"`)}},
			Conditions: []flagdef.Condition{{
				Filters: []flagdef.Filter{{
					Type: "person", Key: "plan", Operator: "exact",
					Value: flagdef.Value(`["pro", 1.0]`), GroupIndex: flagdef.Unset,
				}},
				Percentage: 25.5, Variant: "a", Aggregation: flagdef.Person,
			}, {Percentage: 100, Aggregation: 1}},
		}},
		GroupTypes: map[string]string{"0": "company", "1": "project"},
		Cohorts: map[string]*flagdef.Cohort{"42": {ID: "42", Root: flagdef.Group{Or: true, Members: []flagdef.Member{
			{Group: &flagdef.Group{Members: []flagdef.Member{{Filter: flagdef.Filter{
				Type: "person", Key: "age", Operator: "gt", Value: flagdef.Value("18"), Negation: true, GroupIndex: flagdef.Unset,
			}}}}},
			{Filter: flagdef.Filter{Type: "cohort", Key: "id", Value: flagdef.Value("43"), GroupIndex: flagdef.Unset}},
		}}}},
		MinimalFlagCalledEvents: true,
		PropertyMatchingVersion: 2,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(flagdef.Condition{})); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestParse_bothSpellings(t *testing.T) {
	for name, body := range map[string]string{
		"server":     `{"flags":[],"group_type_mapping":{"0":"company"},"minimal_flag_called_events":true,"property_matching_version":2}`,
		"JavaScript": `{"flags":[],"groupTypeMapping":{"0":"company"},"minimalFlagCalledEvents":true,"propertyMatchingVersion":2}`,
		"both":       `{"groupTypeMapping":{"0":"x"},"group_type_mapping":{"0":"company"},"minimal_flag_called_events":true,"propertyMatchingVersion":2,"flags":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			defs := parse(t, body)
			if got := defs.GroupTypes["0"]; got != "company" {
				t.Errorf("group type 0 = %q, want company", got)
			}
			if !defs.MinimalFlagCalledEvents || defs.PropertyMatchingVersion != 2 {
				t.Errorf("minimal events %v, matching version %d", defs.MinimalFlagCalledEvents, defs.PropertyMatchingVersion)
			}
		})
	}
}

func TestParse_unusableDocument(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"empty":         {``, "not JSON"},
		"truncated":     {`{"flags": [{"key": "a"`, "not JSON"},
		"HTML":          {`<html><body>Bad gateway</body></html>`, "not JSON at byte 1"},
		"array":         {`[]`, "want an object with a list of flags, found an array"},
		"no flags":      {`{"detail": "quota"}`, `the document has no "flags"`},
		"null flags":    {`{"flags": null}`, "flags: want an array, found null"},
		"flags by key":  {`{"flags": {"a": {}}}`, "flags: want an array, found an object"},
		"trailing text": {`{"flags": []} x`, "not JSON at byte 15"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flagdef.Parse([]byte(test.body))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
		})
	}
}

func TestParse_unusableFlag(t *testing.T) {
	deep := strings.Repeat("[", flagdef.MaxDepth) + strings.Repeat("]", flagdef.MaxDepth)
	for name, test := range map[string]struct{ flag, want string }{
		"rollout is text":   {`"active":true,"filters":{"groups":[{},{"rollout_percentage":"50"}]}`, `flags[1].filters.groups[1].rollout_percentage: want a number, found a string`},
		"rollout is huge":   {`"active":true,"filters":{"groups":[{"rollout_percentage":1e999}]}`, `flags[1].filters.groups[0].rollout_percentage: 1e999 is not a number`},
		"groups is object":  {`"active":true,"filters":{"groups":{}}`, `flags[1].filters.groups: want an array, found an object`},
		"condition is null": {`"active":true,"filters":{"groups":[null]}`, `flags[1].filters.groups[0]: a condition must be an object`},
		"filter is text":    {`"active":true,"filters":{"groups":[{"properties":["x"]}]}`, `flags[1].filters.groups[0].properties[0]: want an object, found a string`},
		"active is missing": {`"filters":{}`, `flags[1].active: a flag must say whether it is active`},
		"active is text":    {`"active":"yes"`, `flags[1].active: want a boolean, found a string`},
		"variant no share":  {`"active":true,"filters":{"multivariate":{"variants":[{"key":"a"}]}}`, `flags[1].filters.multivariate.variants[0]: a variant needs a key and a rollout_percentage`},
		"variant empty key": {`"active":true,"filters":{"multivariate":{"variants":[{"key":"","rollout_percentage":1}]}}`, `flags[1].filters.multivariate.variants[0]: a variant needs a key`},
		"many variants":     {`"active":true,"filters":{"multivariate":{"variants":[` + strings.Repeat(`{"key":"a","rollout_percentage":1},`, flagdef.MaxVariants) + `{"key":"b","rollout_percentage":1}]}}`, `1001 variants are more than 1000`},
		"holdout no id":     {`"active":true,"filters":{"holdout":{"exclusion_percentage":1}}`, `flags[1].filters.holdout: a holdout needs an id`},
		"rules format":      {`"active":true,"filters":{"version":2}`, `flags[1].filters.version: this version`},
		"bucketing":         {`"active":true,"bucketing_identifier":"email"`, `flags[1].bucketing_identifier: unknown value email`},
		"group index":       {`"active":true,"filters":{"aggregation_group_type_index":1.5}`, `flags[1].filters.aggregation_group_type_index: want an integer, found 1.5`},
		"too deep":          {`"active":true,"filters":{"groups":[{"properties":[{"value":` + deep + `}]}]}`, `nested deeper than 128 levels`},
	} {
		t.Run(name, func(t *testing.T) {
			defs := parse(t, `{"flags":[{"key":"good","active":true},{"key":"bad",`+test.flag+`},{"key":"also good","active":false}]}`)
			if len(defs.Flags) != 3 {
				t.Fatalf("%d flags, want 3: a flag that is not usable is kept", len(defs.Flags))
			}
			for _, i := range []int{0, 2} {
				if p := defs.Flags[i].Problem; p != nil {
					t.Errorf("flag %d has a problem, too: %v", i, p)
				}
			}
			p := defs.Flags[1].Problem
			if p == nil || p.Flag != "bad" || !strings.Contains(p.Error(), test.want) {
				t.Errorf("problem %v, want one of flag bad that says %q", p, test.want)
			}
		})
	}
}

func TestParse_flagWithoutKey(t *testing.T) {
	defs := parse(t, `{"flags":[{"active":true},7,{"key":12,"active":true},{"key":"a","active":true}]}`)
	if len(defs.Flags) != 1 || defs.Flags[0].Key != "a" {
		t.Errorf("flags %v, want a alone", defs.Flags)
	}
	var got []string
	for _, p := range defs.Problems {
		got = append(got, p.Error())
	}
	want := []string{
		"flags[0].key: a flag needs a key",
		"flags[1]: want an object, found a number",
		"flags[2].key: want a string, found a number",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestParse_unusableCohort(t *testing.T) {
	defs := parse(t, `{"flags":[],"cohorts":{
		"1":{}, "2":{"type":"XOR","values":[]}, "3":[], "4":{"type":"AND","values":[7]}, "5":{"type":"AND","values":[]}}}`)
	for id, want := range map[string]string{
		"1": "cohorts.1: a cohort must be a property group",
		"2": `cohorts.2.type: a property group must be "AND" or "OR"`,
		"3": "cohorts.3: want an object, found an array",
		"4": "cohorts.4.values[0]: want an object, found a number",
	} {
		if p := defs.Cohorts[id].Problem; p == nil || p.Error() != want {
			t.Errorf("cohort %s: problem %v, want %q", id, p, want)
		}
	}
	if p := defs.Cohorts["5"].Problem; p != nil {
		t.Errorf("cohort 5: %v", p)
	}
}

func TestRevision(t *testing.T) {
	a, b := flagdef.RevisionOf([]byte(`{"flags":[]}`)), flagdef.RevisionOf([]byte(`{"flags": []}`))
	if a == b {
		t.Error("documents of other bytes have one revision")
	}
	// printf '{"flags":[]}' | sha256sum
	if got, want := a.String(), "ccbb299897f0a6899aa1d76575c9338d15fdf0c96348f14c02712008f899f7ad"; got != want {
		t.Errorf("revision %q, want %q", got, want)
	}
	if got := a.Short(); got != a.String()[:12] {
		t.Errorf("short revision %q", got)
	}
	var none flagdef.Revision
	if !none.IsZero() || none.String() != "" || none.Short() != "" {
		t.Errorf("the zero revision prints as %q", none.String())
	}
}
