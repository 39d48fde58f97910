package oracle

import (
	"fmt"
	"reflect"
	"testing"
)

func TestConformance(t *testing.T) {
	cases, err := LoadCases("../../testdata/cases.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	judged, misses, excused := 0, 0, 0
	for _, c := range cases {
		o, err := c.Options()
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		p, err := Read(c.Definitions)
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		for i, call := range c.Calls {
			answers := p.Evaluate(call, o)
			for key, want := range c.Expected[i] {
				judged++
				got, ok := answers[key]
				where := fmt.Sprintf("%s %s call %d flag %s", c.ID, c.Category, i, key)
				switch {
				case !ok:
					t.Errorf("%s: no answer", where)
				case got.Value == Inconclusive && want.MissOK:
					excused++
				case got.Value == Inconclusive && want.Value != Inconclusive:
					misses++
					t.Errorf("%s: missed %v", where, want.Value)
				default:
					compare(t, where, got, want)
				}
			}
		}
	}
	t.Logf("%d answers judged, %d missed, %d inconclusive where a miss is fine", judged, misses, excused)
	if judged < 9000 {
		t.Errorf("only %d answers in the cases", judged)
	}
}

func compare(t *testing.T, where string, got, want Answer) {
	t.Helper()
	if got.Value != want.Value {
		t.Errorf("%s: got %v, want %v", where, got.Value, want.Value)
		return
	}
	if !reflect.DeepEqual(got.Payload, want.Payload) {
		t.Errorf("%s: payload: got %v, want %v", where, got.Payload, want.Payload)
	}
	if want.ReasonJudged && !reflect.DeepEqual(got.Reason, want.Reason) {
		t.Errorf("%s: reason: got %s, want %s", where, show(got.Reason), show(want.Reason))
	}
	if want.IndexJudged && !reflect.DeepEqual(got.ConditionIndex, want.ConditionIndex) {
		t.Errorf("%s: index: got %s, want %s", where, show(got.ConditionIndex), show(want.ConditionIndex))
	}
}
