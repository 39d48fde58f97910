package rules_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/hogflags/hogflags/rules"
	"github.com/hogflags/hogflags/rules/internal/oracle"
)

// vectors are published values that are checked through whole flags.
type vectors struct {
	Simple    consistency `json:"consistency_simple"`
	Multi     consistency `json:"consistency_multivariate"`
	Operators []struct {
		ID       string
		Operator *string
		Filter   json.RawMessage
		Property json.RawMessage
		Missing  bool
		Mode     string
		Matching int    `json:"matching_version"`
		Zone     string `json:"team_timezone"`
		Now      time.Time
		Expected any // true, false or "error"
	} `json:"operator_cases_server"`
	Flags []flagVector `json:"flag_cases"`
}

type consistency struct {
	Flag       string  `json:"flag_key"`
	Percentage float64 `json:"rollout_percentage"`
	Variants   [][2]any
	Results    []any
}

type flagVector struct {
	Name       string
	Flag       string
	Filters    json.RawMessage
	DistinctID string `json:"distinct_id"`
	Person     map[string]any
	Groups     map[string]any
	Expected   oracle.Answer
	Local      string
	Cases      []flagVector
}

func loadVectors(t *testing.T) (v vectors) {
	t.Helper()
	if err := oracle.LoadVectors("testdata/vectors.json.gz", &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectors_consistency(t *testing.T) {
	v := loadVectors(t)
	for _, c := range []consistency{v.Simple, v.Multi} {
		variants := []map[string]any{}
		for _, pair := range c.Variants {
			variants = append(variants, map[string]any{"key": pair[0], "rollout_percentage": pair[1]})
		}
		set := compile(t, marshal(t, map[string]any{"flags": []any{map[string]any{
			"key": c.Flag, "active": true, "filters": map[string]any{
				"groups":       []any{map[string]any{"rollout_percentage": c.Percentage}},
				"multivariate": map[string]any{"variants": variants},
			},
		}}}), oracle.Options{})
		if len(c.Results) != 1000 {
			t.Fatalf("%d results, want 1000", len(c.Results))
		}
		for i, want := range c.Results {
			subject := &rules.Subject{DistinctID: fmt.Sprintf("distinct_id_%d", i)}
			if got := set.Evaluate(c.Flag, subject).Value(); got != want {
				t.Errorf("%s for %s = %v, want %v", c.Flag, subject.DistinctID, got, want)
			}
		}
	}
}

func TestVectors_operators(t *testing.T) {
	// The server gives up on this one for a limit on backtracking that is lower
	// than what a search for a match takes here.
	open := map[string]bool{"op0172": true}
	for _, v := range loadVectors(t).Operators {
		o := oracle.Options{Now: v.Now, TimeZone: time.UTC}
		if v.Mode == "full" {
			o.Complete = []string{"person"}
		}
		if v.Zone != "" {
			zone, err := time.LoadLocation(v.Zone)
			if err != nil {
				t.Fatal(err)
			}
			o.TimeZone = zone
		}
		set := compile(t, marshal(t, map[string]any{
			"property_matching_version": v.Matching,
			"flags": []any{map[string]any{"key": "f", "active": true, "filters": map[string]any{
				"groups": []any{map[string]any{"properties": []any{map[string]any{
					"key": "p", "type": "person", "operator": v.Operator, "value": v.Filter,
				}}}},
			}}},
		}), o)
		call := oracle.Call{DistinctID: "u", PersonProperties: map[string]any{}}
		if !v.Missing {
			call.PersonProperties["p"] = decode(v.Property)
		}
		got := set.Evaluate("f", subjectOf(call, o))
		want := v.Expected
		if want == "error" {
			want = false
			if v.Missing && v.Mode == "partial" {
				want = nil
			}
		}
		if got.Value() != want && !(open[v.ID] && got.Status == rules.Inconclusive) {
			t.Errorf("%s: %s %s of %s (%s): %v, want %v", v.ID, text(v.Operator), v.Filter, v.Property, v.Mode, got.Value(), v.Expected)
		}
	}
}

func TestVectors_flags(t *testing.T) {
	for _, v := range loadVectors(t).Flags {
		rows := v.Cases
		if len(rows) == 0 {
			rows = []flagVector{v}
		}
		for _, row := range rows {
			set := compile(t, marshal(t, map[string]any{
				"flags":              []any{map[string]any{"key": v.Flag, "active": true, "filters": row.Filters}},
				"group_type_mapping": map[string]string{"0": "organization"},
			}), oracle.Options{})
			subject := &rules.Subject{
				DistinctID: row.DistinctID, PersonProperties: row.Person, CompletePerson: true, Groups: row.Groups,
			}
			want := row.Expected
			if v.Local == "inconclusive" {
				want = oracle.Answer{Value: oracle.Inconclusive}
			}
			if diff := judge(set.Evaluate(v.Flag, subject), want); diff != "" {
				t.Errorf("%s: %s", v.Name, diff)
			}
		}
	}
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
