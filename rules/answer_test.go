package rules_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/rules"
	"github.com/hogflags/hogflags/rules/internal/oracle"
)

func TestVisibility(t *testing.T) {
	set := compile(t, []byte(`{"flags":[
		{"key":"anywhere","active":true,"filters":{"groups":[{}]}},
		{"key":"all","active":true,"evaluation_runtime":"all","filters":{"groups":[{}]}},
		{"key":"server","active":true,"evaluation_runtime":"server","filters":{"groups":[{}]}},
		{"key":"client","active":true,"evaluation_runtime":"client","filters":{"groups":[{}]}},
		{"key":"web","active":true,"evaluation_contexts":["web","docs"],"filters":{"groups":[{}]}},
		{"key":"both","active":true,"evaluation_tags":["web","docs"],"evaluation_contexts_match_mode":"all","filters":{"groups":[{}]}},
		{"key":"deleted","active":true,"deleted":true,"filters":{"groups":[{}]}},
		`+flagOn("needs client", dependsOn("client"))+`,
		`+flagOn("needs web", dependsOn("web"))+`]}`), oracle.Options{})
	for name, test := range map[string]struct {
		subject rules.Subject
		want    map[string]any // what is found; nil: inconclusive
	}{
		"server, no contexts": {
			rules.Subject{},
			map[string]any{"anywhere": true, "all": true, "server": true, "web": true, "both": true, "needs client": false, "needs web": true},
		},
		"client": {
			rules.Subject{Runtime: rules.RuntimeClient},
			map[string]any{"anywhere": true, "all": true, "client": true, "web": true, "both": true, "needs client": true, "needs web": true},
		},
		"unknown runtime": {
			rules.Subject{Runtime: rules.RuntimeUnknown},
			map[string]any{"anywhere": true, "all": true, "web": true, "both": true, "needs client": false, "needs web": true},
		},
		"one context in common": {
			rules.Subject{Contexts: []string{"mobile", "web"}},
			map[string]any{"anywhere": true, "all": true, "server": true, "web": true, "both": nil, "needs client": false, "needs web": true},
		},
		"all contexts": {
			rules.Subject{Contexts: []string{"docs", "web"}},
			map[string]any{"anywhere": true, "all": true, "server": true, "web": true, "both": true, "needs client": false, "needs web": true},
		},
		"another context": {
			rules.Subject{Contexts: []string{"mobile"}},
			map[string]any{"anywhere": true, "all": true, "server": true, "needs client": false, "needs web": false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]any{}
			for _, a := range set.EvaluateAll(nil, &test.subject) {
				got[a.Key()] = a.Value()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			for _, key := range set.Keys() {
				if _, found := test.want[key]; found != (set.Evaluate(key, &test.subject).Status != rules.NotFound) {
					t.Errorf("%s: found alone, but not among all, or the other way round", key)
				}
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	set := compile(t, document([]string{flagOn("f", "")}), oracle.Options{})
	a := set.Evaluate("g", &rules.Subject{})
	if a.Status != rules.NotFound || a.Key() != "g" || a.Value() != nil || a.Payload() != nil || a.ConditionIndex != -1 ||
		a.ID() != 0 || a.Version() != 0 || a.HasExperiment() || a.PayloadKnown() || a.Description() != "" {
		t.Errorf("a flag that does not exist answers %+v", a)
	}
}

func TestMetadata(t *testing.T) {
	set := compile(t, []byte(`{"flags":[
		{"key":"a","id":7,"version":3,"has_experiment":true,"active":true,
		 "filters":{"groups":[{}],"payloads":{"true":"{\"x\": 1}"}}},
		{"key":"encrypted","active":true,"has_encrypted_payloads":true,"filters":{"groups":[{}],"payloads":{"true":"gibberish"}}},
		{"key":"off","active":true,"has_encrypted_payloads":true,"filters":{"groups":[]}}]}`), oracle.Options{})
	a := set.Evaluate("a", &rules.Subject{})
	if a.ID() != 7 || a.Version() != 3 || !a.HasExperiment() || string(a.Payload()) != `"{\"x\": 1}"` || a.Description() != "Matched condition set 1" {
		t.Errorf("%+v: id %d, version %d, payload %s, %q", a, a.ID(), a.Version(), a.Payload(), a.Description())
	}
	if a := set.Evaluate("encrypted", &rules.Subject{}); a.Value() != true || a.PayloadKnown() || a.Payload() != nil {
		t.Errorf("encrypted: %v with payload %s", a.Value(), a.Payload())
	}
	if a := set.Evaluate("off", &rules.Subject{}); a.Value() != false || !a.PayloadKnown() {
		t.Errorf("off: %v, payload known: %v", a.Value(), a.PayloadKnown())
	}
}

// mixed has a flag for each thing that can be missing.
const mixed = `{"flags":[
	{"key":"property","active":true,"filters":{"groups":[{"properties":[{"key":"plan","type":"person","value":"pro"}]}]}},
	{"key":"dead condition","active":true,"filters":{"groups":[{"properties":[{"key":"plan","type":"person","value":"pro"}],"rollout_percentage":0},{"properties":[{"key":"age","type":"person","operator":"gt","value":18}]}]}},
	{"key":"group","active":true,"filters":{"groups":[{"properties":[{"key":"tier","type":"group","group_type_index":0,"value":"gold"}]}]}},
	{"key":"unnamed group","active":true,"filters":{"aggregation_group_type_index":4,"groups":[{}]}},
	{"key":"device","active":true,"bucketing_identifier":"device_id","filters":{"groups":[{"rollout_percentage":50}]}},
	{"key":"continuity","active":true,"ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":50}]}},
	{"key":"static cohort","active":true,"filters":{"groups":[{"properties":[{"key":"id","type":"cohort","value":9}]}]}},
	{"key":"cohort","active":true,"filters":{"groups":[{"properties":[{"key":"id","type":"cohort","value":1}]}]}},
	{"key":"metadata","active":true,"filters":{"groups":[{"properties":[{"key":"created_at","type":"person_metadata","operator":"is_date_after","value":"2024-01-01T00:00:00Z"}]}]}},
	{"key":"relative","active":true,"filters":{"groups":[{"properties":[{"key":"seen","type":"person","operator":"is_date_after","value":"7d"}]}]}},
	{"key":"naive","active":true,"filters":{"groups":[{"properties":[{"key":"seen","type":"person","operator":"is_date_after","value":"2024-06-01"}]}]}},
	{"key":"operator","active":true,"filters":{"groups":[{"properties":[{"key":"plan","type":"person","operator":"sounds_like","value":"pro"}]}]}},
	{"key":"type","active":true,"filters":{"groups":[{"properties":[{"key":"x","type":"hogql","value":"1"}]}]}},
	{"key":"pattern","active":true,"filters":{"groups":[{"properties":[{"key":"plan","type":"person","operator":"regex","value":"[a&&b]"}]}]}},
	{"key":"gone","active":true,"filters":{"groups":[{"properties":[{"key":"nowhere","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":["nowhere"]}]}]}},
	{"key":"dependent","active":true,"filters":{"groups":[{"properties":[{"key":"property","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":["property"]}]}]}},
	{"key":"early access","active":true,"filters":{"feature_enrollment":true,"groups":[]}},
	{"key":"unusable","active":true,"filters":{"groups":[{"rollout_percentage":"all"}]}},
	{"key":"unsettled","active":true,"filters":{"groups":[{"properties":[{"key":"plan","type":"person","operator":"icontains","value":{"a":1,"b":2}}]}]}},
	{"key":"endless","active":true,"filters":{"groups":[{"properties":[{"key":"long","type":"person","operator":"regex","value":"^(?=(a+)+$)"}]}]}},
	{"key":"inactive","active":false,"filters":{"groups":[{"properties":[{"key":"id","type":"cohort","value":9}]}]}}
	],"group_type_mapping":{"0":"company"},
	"cohorts":{"1":{"type":"AND","values":[{"key":"age","type":"person","operator":"gt","value":18},{"key":"id","type":"cohort","value":8}]}}}`

func TestMissing(t *testing.T) {
	set := compile(t, []byte(mixed), oracle.Options{})
	subject := &rules.Subject{DistinctID: "u", PersonProperties: map[string]any{"seen": "2024-06-01T05:00:00Z", "long": strings.Repeat("a", 50) + "b"}}
	want := map[string][]string{
		"property":       {"person property plan"},
		"dead condition": {"person property age"},
		"group":          {"group company"},
		"unnamed group":  {"name of group type 4"},
		"device":         {"device id"},
		"continuity":     {"stored hash key override of flag continuity"},
		"static cohort":  {"membership of cohort 9"},
		"cohort":         {"person property age", "membership of cohort 8"},
		"metadata":       {"person metadata created_at"},
		"relative":       {"time of evaluation"},
		"naive":          {"project time zone"},
		"operator":       {"meaning of operator sounds_like"},
		"type":           {"meaning of filter type hogql"},
		"pattern":        {"meaning of pattern [a&&b]"},
		"endless":        {"meaning of pattern ^(?=(a+)+$)"},
		"gone":           {"flag nowhere"},
		"dependent":      {"person property plan"},
		"early access":   {"person property $feature_enrollment/early access"},
		"unusable":       {"usable definition: flags[17].filters.groups[0].rollout_percentage: want a number, found a string"},
		"unsettled":      {`meaning of filter value {"a":1,"b":2}`},
	}
	got := map[string][]string{}
	for _, a := range set.EvaluateAll(nil, subject) {
		for _, m := range a.Missing {
			got[a.Key()] = append(got[a.Key()], m.String())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}

func TestNeeds(t *testing.T) {
	set := compile(t, []byte(mixed), oracle.Options{TimeZone: time.UTC})
	texts := func(list []rules.Missing) (texts []string) {
		for _, m := range list {
			texts = append(texts, m.String())
		}
		return texts
	}
	for key, want := range map[string][2][]string{
		"property":       {{"person property plan"}, nil},
		"dead condition": {{"person property age"}, nil},
		"group":          {{"group property tier of group type company"}, nil},
		"device":         {{"device id"}, nil},
		"continuity":     {nil, {"stored hash key override of flag continuity"}},
		"cohort":         {{"person property age"}, {"membership of cohort 8"}},
		"relative":       {{"person property seen", "time of evaluation"}, nil},
		"naive":          {{"person property seen"}, nil},
		"dependent":      {{"person property plan"}, nil},
		"gone":           {nil, {"flag nowhere"}},
		"operator":       {nil, {"meaning of operator sounds_like"}},
		"early access":   {{"person property $feature_enrollment/early access"}, nil},
		"inactive":       {nil, nil},
		"nowhere":        {nil, nil},
	} {
		supply, server := set.Needs(key)
		if diff := cmp.Diff(want, [2][]string{texts(supply), texts(server)}); diff != "" {
			t.Errorf("%s needs (-want +got):\n%s", key, diff)
		}
	}
}

// An early exit at a condition for nobody does not happen where the server has
// not loaded the cohorts.
func TestEarlyExitForNobody(t *testing.T) {
	set := compile(t, []byte(`{"flags":[
		{"key":"a","active":true,"filters":{"early_exit":true,"groups":[
			{"properties":[{"type":"cohort","key":"id","value":5,"operator":"in"}],"rollout_percentage":0},
			{"properties":[],"rollout_percentage":100}]}},
		{"key":"b","active":true,"filters":{"early_exit":true,"groups":[
			{"properties":[],"rollout_percentage":50},
			{"properties":[{"type":"cohort","key":"id","value":5,"operator":"in"}],"rollout_percentage":0}]}}
		],"cohorts":{"5":{"type":"AND","values":[{"type":"AND","values":[{"type":"person","key":"plan","value":"pro","operator":"exact"}]}]}}}`), oracle.Options{})
	want := rules.Missing{Kind: rules.CohortMember, Name: "5"}
	a := set.Evaluate("a", &rules.Subject{DistinctID: "ada", PersonProperties: map[string]any{"plan": "pro"}})
	if a.Status != rules.Inconclusive || !slices.Contains(a.Missing, want) {
		t.Errorf("evaluated %+v, want that the cohort is missing", a)
	}
	if _, server := set.Needs("a"); !slices.Contains(server, want) {
		t.Errorf("needs %v, want the cohort", server)
	}
	if _, server := set.Needs("b"); len(server) > 0 {
		t.Errorf("the last condition needs %v, want nothing", server)
	}
}

func TestCheck(t *testing.T) {
	set := compile(t, []byte(mixed), oracle.Options{})
	got := map[string][]string{}
	for _, f := range set.Check() {
		if f.Path == "" || f.Message == "" {
			t.Errorf("a finding that does not say what or where: %+v", f)
		}
		got[f.Flag] = append(got[f.Flag], f.Severity.String()+" "+f.Code)
	}
	want := map[string][]string{
		"dead condition": {"info dead-condition"},
		"unnamed group":  {"error unnamed-group-type"},
		"device":         {"info needs-device-id"},
		"continuity":     {"warning experience-continuity"},
		"static cohort":  {"warning server-only-cohort"},
		"cohort":         {"warning server-only-cohort"},
		"metadata":       {"warning person-metadata"},
		"relative":       {"info needs-time-zone"},
		"naive":          {"info needs-time-zone"},
		"operator":       {"warning unknown-operator"},
		"type":           {"warning unknown-filter-type"},
		"pattern":        {"warning unjudged-pattern"},
		"gone":           {"error missing-dependency"},
		"early access":   {"info early-access", "warning no-conditions"},
		"unusable":       {"error unusable-flag"},
		"unsettled":      {"warning unsettled-value"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestCheck_broken(t *testing.T) {
	set := compile(t, []byte(`{"flags":[
		{"key":"a","active":true,"filters":{"groups":[
			{"properties":[{"key":"p","type":"person","operator":"regex","value":"("}]},
			{"properties":[{"key":"p","type":"person","operator":"gt","value":"many"}],"variant":"z"},
			{},{"rollout_percentage":5}],
			"multivariate":{"variants":[{"key":"x","rollout_percentage":30},{"key":"y","rollout_percentage":30}]}}},
		{"key":"b","active":true,"filters":{"groups":[{"properties":[{"key":"c","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":["c"]}]}]}},
		{"key":"c","active":true,"filters":{"groups":[{"properties":[{"key":"b","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":["b"]}]}]}},
		{"key":"d","active":true,"filters":{"groups":[{"properties":[{"key":"id","type":"cohort","value":1}]}]}},
		7],
		"cohorts":{"1":{"type":"AND","values":[{"key":"id","type":"cohort","value":2}]},"2":{"type":"OR","values":[{"key":"id","type":"cohort","value":1}]}}}`),
		oracle.Options{})
	var got []string
	for _, f := range set.Check() {
		got = append(got, f.Severity.String()+" "+f.Code+" "+f.Flag+" "+f.Path)
	}
	want := []string{
		"error unusable-document-part  flags[4]",
		"warning variant-shares a filters.multivariate.variants",
		"error broken-pattern a filters.groups[0].properties[0]",
		"warning undeclared-variant a filters.groups[1].variant",
		"warning dead-filter a filters.groups[1].properties[0]",
		"warning unreachable-condition a filters.groups[3]",
		"error missing-dependency b filters.groups[0].properties[0]",
		"error missing-dependency c filters.groups[0].properties[0]",
		"error cohort-cycle d filters.groups[0].properties[0]",
		"error cohort-cycle d filters.groups[0].properties[0] → cohort 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestExplain(t *testing.T) {
	set := compile(t, []byte(`{"flags":[
		{"key":"base","active":true,"filters":{"groups":[{"properties":[{"key":"plan","type":"person","value":["pro","team"]}]}]}},
		{"key":"f","active":true,"filters":{"holdout":{"id":5,"exclusion_percentage":10},"groups":[
			{"properties":[{"key":"base","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":["base"]},
			               {"key":"age","type":"person","operator":"gt","value":18}],"rollout_percentage":1},
			{"properties":[{"key":"id","type":"cohort","value":1}],"rollout_percentage":100}],
			"multivariate":{"variants":[{"key":"a","rollout_percentage":50},{"key":"b","rollout_percentage":50}]}}}],
		"cohorts":{"1":{"type":"OR","values":[{"key":"plan","type":"person","operator":"icontains","value":"PRO"}]}}}`), oracle.Options{})
	x := set.Explain("f", &rules.Subject{DistinctID: "user-1", PersonProperties: map[string]any{"plan": "Pro", "age": 20}})
	if a := x.Answer; a.Value() != "a" || x.Stop != "Matched condition set 2." {
		t.Errorf("%v: %s", a.Value(), x.Stop)
	}
	if h := x.Holdout; h == nil || h.Outcome != rules.False || h.Identifier != "user-1" || h.Percentage != 10 || h.Hash <= 0.1 {
		t.Errorf("holdout %+v", h)
	}
	if len(x.Conditions) != 2 {
		t.Fatalf("%d conditions, want 2", len(x.Conditions))
	}
	first, second := x.Conditions[0], x.Conditions[1]
	if r := first.Rollout; first.Outcome != rules.True || r == nil || r.Outcome != rules.False || r.Percentage != 1 || r.Hash <= 0.01 {
		t.Errorf("first condition %+v, rollout %+v", first, r)
	}
	dependency := first.Filters[0]
	if dependency.Outcome != rules.True || dependency.Flag == nil || dependency.Flag.Answer.Value() != true {
		t.Errorf("dependency %+v", dependency)
	}
	if age := first.Filters[1]; age.Seen != "20" || !age.Present || age.Operator != "gt" || age.Value != "18" {
		t.Errorf("filter on age %+v", age)
	}
	cohort := second.Filters[0]
	if cohort.Outcome != rules.True || len(cohort.Children) != 1 || cohort.Children[0].Type != "OR" ||
		cohort.Children[0].Children[0].Seen != "Pro" {
		t.Errorf("cohort %+v", cohort)
	}
	if v := second.Variant; v == nil || v.Variant != "a" || v.Hash >= 0.5 {
		t.Errorf("variant %+v", v)
	}
}

func TestPlace(t *testing.T) {
	set := compile(t, []byte(`{"flags":[{"key":"off","active":false,"filters":{}},{"key":"on","active":true,"filters":{"groups":[{}]}}]}`), oracle.Options{})
	for _, tt := range []struct {
		key         string
		flag, value int
	}{{"off", 0, 0}, {"on", 1, 1}, {"gone", -1, 0}} {
		if flag, value := set.Evaluate(tt.key, &rules.Subject{DistinctID: "ada"}).Place(); flag != tt.flag || value != tt.value {
			t.Errorf("%s: place %d, %d; want %d, %d", tt.key, flag, value, tt.flag, tt.value)
		}
	}
}

// TestDependencyOnNumber holds that a dependency that is named by digits may be
// one on a flag that is gone, whose number happens to be another flag's key.
func TestDependencyOnNumber(t *testing.T) {
	const on = `{"id":1,"key":"7","active":true,"filters":{"groups":[{}]}}`
	for _, test := range []struct {
		wants string
		want  any
	}{
		{"true", nil},
		{"false", false}, // off either way
	} {
		dependent := `{"id":2,"key":"f","active":true,"filters":{"groups":[{"properties":[{"key":"7","type":"flag",
			"operator":"flag_evaluates_to","value":` + test.wants + `,"dependency_chain":["7"]}]}]}}`
		got := compile(t, document([]string{on, dependent}), oracle.Options{}).Evaluate("f", &rules.Subject{})
		if got.Value() != test.want {
			t.Errorf("wants %s: got %v, want %v", test.wants, got.Value(), test.want)
		}
	}
}

// TestLargeNumberAsText holds that a number which servers write in two ways
// decides what does not depend on the way.
func TestLargeNumberAsText(t *testing.T) {
	for _, test := range []struct {
		operator string
		property any
		want     any
	}{
		{"exact", "pro", false},
		{"is_not", "pro", true},
		{"exact", json.Number("1e21"), true},
		{"exact", json.Number("1000000000000000000000"), true},
		{"exact", "1e21", nil},
		{"is_not", "1e+21", nil},
		{"not_ends_with", "e21", true},
		{"icontains", "a1E+21", nil},
		{"icontains", "21", false},
		{"regex", "none", false},
		{"gt", json.Number("2e21"), true},
	} {
		filter := `{"key":"p","type":"person","operator":"` + test.operator + `","value":1e21}`
		set := compile(t, document([]string{flagOn("f", filter)}), oracle.Options{})
		got := set.Evaluate("f", &rules.Subject{PersonProperties: map[string]any{"p": test.property}})
		if got.Value() != test.want {
			t.Errorf("%s 1e21, property %v: got %v, want %v", test.operator, test.property, got.Value(), test.want)
		}
	}
}
