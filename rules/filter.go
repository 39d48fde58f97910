package rules

import (
	"strconv"
	"strings"

	"github.com/hogflags/hogflags/flagdef"
)

// filter is one compiled property filter.
type filter struct {
	kind    filterKind
	negated bool   // the outcome is inverted; inside cohorts only
	key     string // of a property
	group   string // of a group's property: the group type

	comparison // of a property; for the other kinds only what it says of the unknown

	index   int32  // of a cohort or flag filter: which one
	wants   wanted // of a flag filter
	variant string // of a flag filter that wants a variant
	broken  bool   // of a flag filter whose target may be missing at the server

	shown shownFilter
}

type filterKind uint8

const (
	personFilter   filterKind = iota
	groupFilter               // a property of a group
	metadataFilter            // a column of the person, which is never known
	cohortFilter
	flagFilter
	settledFilter // the outcome is comparison.whatever: always the same, or never known
)

// wanted is what a flag filter wants its target to evaluate to.
type wanted uint8

const (
	wantsOn wanted = iota // any value but false
	wantsOff
	wantsVariant
)

// shownFilter is a filter as it stands in the definitions, for an explanation.
type shownFilter struct {
	typ, key, operator string
	value              string // JSON, "" if absent
}

// maxShown bounds how much of a filter's value is kept to be shown.
const maxShown = 256

func show(def *flagdef.Filter) shownFilter {
	value := string(def.Value)
	if len(value) > maxShown {
		value = strings.ToValidUTF8(value[:maxShown], "") + "…"
	}
	return shownFilter{typ: def.Type, key: def.Key, operator: def.Operator, value: value}
}

// settled is a filter that needs no evaluation.
func settled(c comparison) filter { return filter{kind: settledFilter, comparison: c} }

// compileFilter compiles a filter of a condition.
func (c *compiler) compileFilter(def *flagdef.Filter, about aggregation) filter {
	f := c.compileKind(def, about)
	f.shown = show(def)
	return f
}

func (c *compiler) compileKind(def *flagdef.Filter, about aggregation) filter {
	switch {
	case def.Type == "":
		return settled(undecidable(FilterType, "(none)"))
	case def.Key == "" && def.Type != "cohort":
		return settled(undecidable(FilterType, def.Type+" without a key"))
	}
	switch def.Type {
	case "person":
		return filter{kind: personFilter, key: def.Key, comparison: c.compileComparison(def.Operator, def.Value)}
	case "person_metadata":
		return filter{kind: metadataFilter, key: def.Key, comparison: c.compileComparison(def.Operator, def.Value)}
	case "group":
		return c.compileGroupFilter(def, about)
	case "cohort":
		return c.compileCohortFilter(def)
	case "flag":
		return c.compileFlagFilter(def)
	default:
		return settled(undecidable(FilterType, def.Type))
	}
}

// compileGroupFilter compiles a filter on a group's property. Its type is its
// own or else that of the condition.
func (c *compiler) compileGroupFilter(def *flagdef.Filter, about aggregation) filter {
	groupType := about
	if def.GroupIndex != flagdef.Unset {
		groupType = c.aggregation(def.GroupIndex)
	}
	if groupType.name == "" {
		return settled(undecidable(GroupTypeName, strconv.Itoa(groupType.index)))
	}
	return filter{
		kind: groupFilter, key: def.Key, group: groupType.name,
		comparison: c.compileComparison(def.Operator, def.Value),
	}
}

// compileFlagFilter compiles a dependency on another flag.
func (c *compiler) compileFlagFilter(def *flagdef.Filter) filter {
	f := filter{kind: flagFilter, index: noTarget}
	if target, ok := c.byKey[def.Key]; ok {
		f.index = target
	}
	// An empty chain is how the server marks a target that is missing or part
	// of a cycle. No chain at all is no statement.
	f.broken = f.index == noTarget || def.Chain != nil && len(def.Chain) == 0
	switch {
	case def.Operator != "flag_evaluates_to":
		f.comparison = constant(False)
		return f
	case f.index == noTarget:
		f.comparison = undecidable(Flag, def.Key)
	default:
		f.comparison = constant(Unknown)
	}
	switch def.Value.Kind() {
	case flagdef.Bool:
		f.wants = wantsOff
		if def.Value.IsTrue() {
			f.wants = wantsOn
		}
	case flagdef.String:
		f.wants, f.variant = wantsVariant, def.Value.Text()
	default:
		f.comparison = constant(False)
	}
	return f
}

// noTarget is the index of a flag filter whose target is not to be found, and
// of a cohort filter without a cohort.
const noTarget = -1
