package rules

import (
	"slices"
	"strings"
)

// traceFilter tells what a filter saw. Cohorts and dependencies are opened up
// as long as the budget lasts and nothing repeats.
func (t *trace) traceFilter(e *evaluation, f *filter, outcome Truth, depth int) FilterTrace {
	t.budget--
	ft := FilterTrace{
		Type: f.typ(), Key: f.key, Operator: f.operator, Value: f.value,
		Negated: f.negated, Outcome: outcome,
	}
	switch f.kind {
	case personFilter:
		ft.see(e.personProperty(f.key))
	case groupFilter:
		ft.Group = f.detail
		ft.see(e.groupProperty(f.detail, f.key))
	case cohortFilter:
		if !f.settled && depth < maxTracedDepth && t.budget > 0 {
			ft.Children = t.traceGroup(e, &e.set.cohorts[f.index].root, depth+1)
		}
	case flagFilter:
		ft.Flag = t.traceFlag(e, f.key)
	}
	if outcome == Unknown {
		ft.Note = e.reasonUnknown(f)
	}
	return ft
}

// maxTracedDepth bounds how deep cohorts are opened up in an explanation.
const maxTracedDepth = 20

func (ft *FilterTrace) see(p operand, state propertyState) {
	switch state {
	case knownProperty:
		ft.Present = true
		ft.Seen, _ = p.string()
	case missingProperty:
		ft.Note = "known to be missing"
	}
}

func (t *trace) traceGroup(e *evaluation, g *group, depth int) []FilterTrace {
	root := FilterTrace{Type: g.operator(), Outcome: e.group(g)}
	for _, m := range g.inPlace() {
		if t.budget <= 0 {
			break
		}
		if m.group != nil {
			root.Children = append(root.Children, t.traceGroup(e, m.group, depth)...)
		} else {
			root.Children = append(root.Children, t.traceFilter(e, &m.filter, e.filter(&m.filter), depth))
		}
	}
	return []FilterTrace{root}
}

func (g *group) operator() string {
	if g.or {
		return "OR"
	}
	return "AND"
}

// traceFlag explains a dependency, unless it is being explained already.
func (t *trace) traceFlag(e *evaluation, key string) *Explanation {
	if t.budget <= 0 || len(t.chain) >= maxTracedDepth || slices.Contains(t.chain, key) {
		return nil
	}
	inner := &trace{budget: t.budget / 2, chain: append(slices.Clone(t.chain), key)}
	explanation := inner.explain(e.set, key, e.subject)
	t.budget /= 2
	return explanation
}

// reasonUnknown names what keeps a filter from being decided.
func (e *evaluation) reasonUnknown(f *filter) string {
	again := evaluation{set: e.set, subject: e.subject, memory: e.memory, missing: &missingList{}}
	again.noteFilter(f)
	texts := make([]string, 0, len(again.missing.list))
	for _, m := range again.missing.list {
		texts = append(texts, m.String())
	}
	if len(texts) == 0 {
		return "not decided"
	}
	return "not known: " + strings.Join(texts, ", ")
}
