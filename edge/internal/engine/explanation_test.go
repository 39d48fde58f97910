package engine

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/internal/answerjson"
	"github.com/hogflags/hogflags/internal/conformance"
	"github.com/hogflags/hogflags/rules"
)

// Explanations are those that the command line writes, for every flag of the
// cases with known answers.
func TestExplanationsAreThoseOfTheCommandLine(t *testing.T) {
	file, err := os.Open("../../../rules/testdata/cases.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	compared := 0
	for c, err := range conformance.Read(file) {
		if err != nil {
			t.Fatal(err)
		}
		defs, err := flagdef.Parse(c.Definitions)
		if err != nil || len(c.Calls) == 0 || len(c.Definitions) > 4000 {
			continue // large ones explain much, and no more
		}
		set := rules.Compile(defs, rules.Options{})
		subject, err := c.Subject(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range set.Keys() {
			explanation := set.Explain(key, &subject)
			form, err := json.Marshal(answerjson.NewExplanation(explanation))
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := json.Unmarshal(appendExplanation(nil, explanation), &got); err != nil {
				t.Fatalf("case %s: %s: %v: %s", c.ID, key, err, appendExplanation(nil, explanation))
			}
			_ = json.Unmarshal(form, &want)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("case %s: %s (-got +want):\n%s", c.ID, key, cmp.Diff(got, want))
			}
			compared++
		}
	}
	if compared < 1000 {
		t.Errorf("%d explanations compared, want those of all cases", compared)
	}
}
