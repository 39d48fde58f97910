package rules_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	_ "time/tzdata"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
	"github.com/hogflags/hogflags/rules/internal/oracle"
)

// TestConformance judges the evaluator against cases with known answers. A
// decided answer that is wrong fails, and so does an answer that is left open
// where it could be known.
func TestConformance(t *testing.T) {
	cases, err := oracle.LoadCases("testdata/cases.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	answers := 0
	for _, c := range cases {
		o, err := c.Options()
		if err != nil {
			t.Fatal(err)
		}
		set := compile(t, c.Definitions, o)
		for i, call := range c.Calls {
			subject := subjectOf(call, o)
			for key, want := range c.Expected[i] {
				answers++
				got := set.Evaluate(key, subject)
				if diff := judge(got, want); diff != "" {
					t.Errorf("%s (%s), call %d, flag %s: %s; missing %v", c.ID, c.Category, i, key, diff, got.Missing)
				}
			}
		}
	}
	t.Logf("%d cases, %d answers", len(cases), answers)
}

func compile(t testing.TB, definitions []byte, o oracle.Options) *rules.Set {
	t.Helper()
	defs, err := flagdef.Parse(definitions)
	if err != nil {
		t.Fatal(err)
	}
	return rules.Compile(defs, rules.Options{TimeZone: o.TimeZone})
}

func subjectOf(call oracle.Call, o oracle.Options) *rules.Subject {
	s := &rules.Subject{
		DistinctID: call.DistinctID, Groups: call.Groups,
		PersonProperties: call.PersonProperties, GroupProperties: call.GroupProperties,
		Now: o.Now, Contexts: o.Contexts,
	}
	switch o.Runtime {
	case "client":
		s.Runtime = rules.RuntimeClient
	case "all":
		s.Runtime = rules.RuntimeUnknown
	}
	if call.DeviceID != nil {
		s.DeviceID = *call.DeviceID
	}
	for _, what := range o.Complete {
		if group, ok := strings.CutPrefix(what, "group:"); ok {
			s.CompleteGroups = append(s.CompleteGroups, group)
		} else {
			s.CompletePerson = true
		}
	}
	return s
}

// judge says how an answer differs from an expected one, "" if it does not.
func judge(got rules.Answer, want oracle.Answer) string {
	if got.Status == rules.Inconclusive {
		switch {
		case len(got.Missing) == 0:
			return "inconclusive without naming what is missing"
		case want.Value == oracle.Inconclusive || want.MissOK:
			return ""
		default:
			return "inconclusive, want " + text(want.Value)
		}
	}
	if got.Value() != want.Value {
		return "value " + text(got.Value()) + ", want " + text(want.Value)
	}
	if payload := decode(got.Payload()); !reflect.DeepEqual(payload, want.Payload) {
		return "payload " + text(payload) + ", want " + text(want.Payload)
	}
	if reason := nilIfEmpty(got.Reason.String()); want.ReasonJudged && !reflect.DeepEqual(reason, want.Reason) {
		return "reason " + text(reason) + ", want " + text(want.Reason)
	}
	if index := nilIfNegative(got.ConditionIndex); want.IndexJudged && !reflect.DeepEqual(index, want.ConditionIndex) {
		return "condition index " + text(index) + ", want " + text(want.ConditionIndex)
	}
	return ""
}

func decode(raw json.RawMessage) (v any) {
	if raw == nil {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	return v
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func nilIfEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func nilIfNegative(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}
