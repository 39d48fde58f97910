//go:build !race

package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hogflags/hogflags/rules"
	"github.com/hogflags/hogflags/rules/internal/oracle"
)

// hotDocument has a flag of each kind that must be evaluated without an
// allocation.
func hotDocument() string {
	emails := make([]string, 1000)
	for i := range emails {
		emails[i] = fmt.Sprintf("%q", fmt.Sprintf("Person-%d@Example.com", i))
	}
	condition := func(filter string) string {
		return `{"active":true,"filters":{"groups":[{"properties":[` + filter + `],"rollout_percentage":50}]},"key":`
	}
	return `{"flags":[` + strings.Join([]string{
		condition("") + `"boolean"}`,
		`{"active":true,"filters":{"groups":[{}],"multivariate":{"variants":[{"key":"a","rollout_percentage":33},{"key":"b","rollout_percentage":33},{"key":"c","rollout_percentage":34}]}},"key":"variant"}`,
		condition(`{"key":"plan","type":"person","operator":"exact","value":"Pro"}`) + `"property"}`,
		condition(`{"key":"seats","type":"person","operator":"exact","value":"12"}`) + `"number"}`,
		condition(`{"key":"email","type":"person","operator":"exact","value":[`+strings.Join(emails, ",")+`]}`) + `"list"}`,
		condition(`{"key":"id","type":"cohort","value":1}`) + `"cohort"}`,
		condition(`{"key":"boolean","type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":["boolean"]}`) + `"dependency"}`,
		condition(`{"key":"tier","type":"group","group_type_index":0,"operator":"is_not","value":"basic"}`) + `"group"}`,
		condition(`{"key":"seats","type":"person","operator":"gt","value":"9"},{"key":"email","type":"person","operator":"icontains","value":"@example"},{"key":"since","type":"person","operator":"is_date_after","value":"2024-01-01T00:00:00Z"},{"key":"version","type":"person","operator":"semver_gte","value":"1.2"},{"key":"email","type":"person","operator":"regex","value":"^person-\\d+@"}`) + `"operators"}`,
	}, ",") + `],"group_type_mapping":{"0":"company"},"cohorts":{
		"1":{"type":"OR","values":[{"type":"AND","values":[{"key":"plan","type":"person","value":["free","trial"]},{"key":"id","type":"cohort","value":2}]},{"key":"id","type":"cohort","operator":"not_in","value":2}]},
		"2":{"type":"AND","values":[{"key":"seats","type":"person","operator":"gte","value":20}]}}}`
}

func hotSubject(i int) *rules.Subject {
	return &rules.Subject{
		DistinctID: fmt.Sprintf("user-%05d-0123456789abcdef", i), Groups: map[string]any{"company": "acme"},
		PersonProperties: map[string]any{
			"plan": "Pro", "seats": 12, "email": fmt.Sprintf("person-%d@example.com", i), "since": "2024-06-01T12:00:00+02:00",
			"version": "1.10.0", "country": "DE",
		},
		GroupProperties: map[string]map[string]any{"company": {"tier": "Gold"}},
	}
}

// TestEvaluate_allocatesNothing guards the hot path: a decided answer costs no
// garbage, whichever kind of flag it is for.
func TestEvaluate_allocatesNothing(t *testing.T) {
	set := compile(t, []byte(hotDocument()), oracle.Options{})
	subject := hotSubject(7)
	for _, key := range set.Keys() {
		if a := set.Evaluate(key, subject); a.Status != rules.Decided {
			t.Errorf("%s is %v, want decided (missing %v)", key, a.Status, a.Missing)
		}
		var answer rules.Answer
		if n := testing.AllocsPerRun(100, func() { answer = set.Evaluate(key, subject) }); n != 0 {
			t.Errorf("%s: %v allocations, want none (%v)", key, n, answer.Value())
		}
	}
	answers := make([]rules.Answer, 0, set.Len())
	if n := testing.AllocsPerRun(100, func() { answers = set.EvaluateAll(answers[:0], subject) }); n != 0 {
		t.Errorf("all: %v allocations into a slice that is large enough, want none", n)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	set := compile(b, []byte(hotDocument()), oracle.Options{})
	subjects := make([]*rules.Subject, 1024)
	for i := range subjects {
		subjects[i] = hotSubject(i)
	}
	for _, key := range set.Keys() {
		b.Run(key, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				set.Evaluate(key, subjects[i%len(subjects)])
			}
		})
	}
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		var answers []rules.Answer
		for i := 0; b.Loop(); i++ {
			answers = set.EvaluateAll(answers[:0], subjects[i%len(subjects)])
		}
	})
}
