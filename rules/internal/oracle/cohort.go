package oracle

import (
	"encoding/json"
	"slices"
)

// view answers what filters ask about the subject of a call.
type view interface {
	person(key string) seen
	group(groupType, key string) seen
	// member answers for a cohort that the feed does not define.
	member(cohort string) truth
	// undecided answers what no source settles, the same way for the same question.
	undecided(question ...any) truth
}

// filters evaluates property and cohort filters over a view.
type filters struct {
	*Project
	view
	setting
}

// ask evaluates a filter of a condition, except on a flag, which is another's work.
func (e filters) ask(f filter, aggregation any) truth {
	switch f.kind {
	case "person":
		return e.property(f, e.person(f.key))
	case "group":
		index := f.group
		if index == nil {
			index = aggregation
		}
		name, ok := e.groupType(index)
		if !ok {
			return e.undecided("group type", f.key, index)
		}
		return e.property(f, e.group(name, f.key))
	case "cohort":
		return e.cohort(f, nil)
	}
	return e.undecided("filter type", f.kind, f.key, f.value)
}

func (e filters) property(f filter, p seen) truth {
	t := match(f, p, e.setting)
	if t == maybe && p.presence != unknown {
		return e.undecided("operator", f.operator, f.value, int(p.presence), p.value)
	}
	return t
}

// cohort evaluates a filter on a cohort. A cohort on a cycle is like an absent one.
func (e filters) cohort(f filter, path []string) truth {
	if f.operator != "in" && f.operator != "not_in" {
		return no
	}
	id, ok := cohortID(f.value)
	if !ok {
		return e.undecided("cohort value", f.value)
	}
	definition, defined := e.cohorts[id]
	if !defined || slices.Contains(path, id) {
		return e.member(id).negatedIf(f.operator == "not_in")
	}
	return e.cohortGroup(object(definition), append(path, id)).negatedIf(f.operator == "not_in")
}

// cohortGroup is a group of a cohort's definition: all of it, or any of it.
func (e filters) cohortGroup(o map[string]any, path []string) truth {
	if o["type"] != "AND" && o["type"] != "OR" || o["negation"] == true {
		return e.undecided("cohort group", o)
	}
	var ts []truth
	any := o["type"] == "OR"
	for _, raw := range list(o["values"]) {
		entry := object(raw)
		if _, nested := entry["values"]; nested {
			ts = append(ts, e.cohortGroup(entry, path))
			continue
		}
		ts = append(ts, e.cohortEntry(readFilter(entry), any, path))
	}
	if any {
		return or(ts)
	}
	return and(ts)
}

func (e filters) cohortEntry(f filter, any bool, path []string) truth {
	switch f.kind {
	case "person":
		return e.property(f, e.person(f.key)).negatedIf(f.negated)
	case "cohort":
		t := e.cohort(f, path)
		if f.negated && any {
			// Ignored within OR by the version that was read, perhaps not by others.
			if t == maybe || e.undecided("negated cohort within any", f.value) == maybe {
				return maybe
			}
			return t.negatedIf(e.undecided("negated cohort within any", f.value) == yes)
		}
		return t.negatedIf(f.negated)
	}
	return e.undecided("cohort entry", f.kind, f.key, f.operator, f.value).negatedIf(f.negated)
}

// jsonText makes a question comparable.
func jsonText(question ...any) string {
	raw, err := json.Marshal(question)
	if err != nil {
		panic("oracle: " + err.Error())
	}
	return string(raw)
}
