package rules

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/hogflags/hogflags/flagdef"
)

// filter is one compiled property filter.
type filter struct {
	kind    filterKind
	settled bool   // the outcome is comparison.whatever: always the same, or never known
	negated bool   // the outcome is inverted; inside cohorts only
	wants   wanted // of a flag filter
	broken  bool   // of a flag filter whose target may be missing at the server
	index   int32  // of a cohort or flag filter: which one; of a person filter: which property
	shared  int32  // which of the person filters that occur more than once, notShared if none
	key     string // of a property; of a flag
	detail  string // the group type of a group filter, the variant that a flag filter wants, or an unknown type

	comparison // of a property; for the other kinds only what it says of the unknown

	// As they stand in the definitions, for an explanation.
	operator string
	value    string // JSON, "" if absent
}

type filterKind uint8

const (
	personFilter   filterKind = iota
	groupFilter               // a property of a group
	metadataFilter            // a column of the person, which is never known
	cohortFilter
	flagFilter
	otherFilter // of a type that is not known
)

// typ is the filter's type as the definitions spell it.
func (f *filter) typ() string {
	switch f.kind {
	case personFilter:
		return "person"
	case groupFilter:
		return "group"
	case metadataFilter:
		return "person_metadata"
	case cohortFilter:
		return "cohort"
	case flagFilter:
		return "flag"
	default:
		return f.detail
	}
}

// wanted is what a flag filter wants its target to evaluate to.
type wanted uint8

const (
	wantsOn wanted = iota // any value but false
	wantsOff
	wantsVariant
)

// maxShown bounds how much of a filter's value is kept to be shown.
const maxShown = 256

// show is a filter's value as an explanation shows it.
func show(v flagdef.Value) string {
	if len(v) <= maxShown {
		return string(v)
	}
	return strings.ToValidUTF8(string(v[:maxShown]), "") + "…"
}

// compileFilter compiles a filter of a condition.
func (c *compiler) compileFilter(def *flagdef.Filter, about *aggregation) filter {
	f := filter{key: def.Key, index: noTarget, shared: notShared, operator: def.Operator}
	c.compileType(&f, def, about)
	if f.value == "" {
		f.value = show(def.Value)
	}
	return f
}

// notShared is the number of a filter whose outcome need not be remembered.
const notShared = -1

// question is what a person filter asks: a property, and a comparison by its
// number.
type question struct {
	property   string
	comparison int32
}

// share numbers person filters, the same number for the same question. The
// number is of use only if the question occurs more than once, which is known
// when all have been asked.
func (c *compiler) share(f *filter, comparison int32) {
	q := question{f.key, comparison}
	number, ok := c.questions[q]
	if !ok {
		number = int32(len(c.asked))
		c.questions[q] = number
		c.asked = append(c.asked, 0)
	}
	c.asked[number]++
	f.shared = number
}

// property numbers the properties of persons that filters are about.
func (c *compiler) property(key string) int32 {
	number, ok := c.numbers[key]
	if !ok {
		number = int32(len(c.numbers))
		c.numbers[key] = number
	}
	return number
}

func (c *compiler) compileType(f *filter, def *flagdef.Filter, about *aggregation) {
	switch def.Type {
	case "person":
		f.kind = personFilter
		f.index = c.property(def.Key)
	case "person_metadata":
		f.kind = metadataFilter
	case "group":
		f.kind = groupFilter
		c.compileGroupType(f, def, about)
	case "cohort":
		f.kind = cohortFilter
		c.compileMembership(f, def)
		return
	case "flag":
		f.kind = flagFilter
		c.compileDependency(f, def)
	default:
		f.kind, f.detail = otherFilter, def.Type
		f.settle(undecidable(FilterType, cmp.Or(def.Type, "(none)")))
	}
	switch {
	case f.settled:
	case def.Key == "":
		f.settle(undecidable(FilterType, def.Type+" without a key"))
	case f.kind != flagFilter:
		c.compileOperator(f, def)
	}
}

// settle makes a filter one that needs no evaluation.
func (f *filter) settle(c comparison) { f.settled, f.comparison = true, c }

// compileOperator compiles a filter's operator and value. Most occur more than
// once, and what is compiled is immutable, so filters share it.
func (c *compiler) compileOperator(f *filter, def *flagdef.Filter) {
	const short = 64
	if len(def.Value) > short {
		f.comparison = c.compileComparison(def.Operator, def.Value)
		return
	}
	byValue := c.comparisons[def.Operator]
	if byValue == nil {
		byValue = map[string]*sharedComparison{}
		c.comparisons[def.Operator] = byValue
	}
	s, ok := byValue[string(def.Value)]
	if !ok {
		c.compared++
		s = &sharedComparison{c.compileComparison(def.Operator, def.Value), show(def.Value), c.compared}
		byValue[s.shown] = s
	}
	f.comparison, f.value = s.comparison, s.shown
	if f.kind == personFilter {
		c.share(f, s.number)
	}
}

// sharedComparison is what filters of one operator and value have in common.
type sharedComparison struct {
	comparison
	shown  string
	number int32
}

// compileGroupType settles which type of group a filter is about: its own or
// else that of the condition.
func (c *compiler) compileGroupType(f *filter, def *flagdef.Filter, about *aggregation) {
	if def.GroupIndex != flagdef.Unset {
		about = c.aggregation(def.GroupIndex)
	}
	switch {
	case about == nil:
		f.settle(undecidable(GroupTypeName, "(none)"))
	case about.name == "":
		f.settle(undecidable(GroupTypeName, strconv.Itoa(about.index)))
	default:
		f.detail = about.name
	}
}

// compileDependency compiles a filter on another flag.
func (c *compiler) compileDependency(f *filter, def *flagdef.Filter) {
	if target, ok := c.byKey[def.Key]; ok {
		f.index = target
	}
	// An empty chain is how the server marks a target that is missing or part
	// of a cycle. No chain at all is no statement. A key of digits can be the
	// number of a flag that is gone instead of a key: the server knows flags by
	// number, and writes those into the definitions that it finds no key for.
	f.broken = f.index == noTarget || def.Chain != nil && len(def.Chain) == 0 || allDigits(def.Key)
	switch kind := def.Value.Kind(); {
	case def.Operator != "flag_evaluates_to", kind != flagdef.Bool && kind != flagdef.String:
		f.settle(constant(False))
		return
	case f.index == noTarget:
		f.settle(undecidable(Flag, def.Key))
		return
	case kind == flagdef.String:
		f.wants, f.detail = wantsVariant, def.Value.Text()
	case !def.Value.IsTrue():
		f.wants = wantsOff
	}
	f.comparison = constant(Unknown)
}

// noTarget is the index of a flag filter whose target is not to be found, and
// of a cohort filter without a cohort.
const noTarget = -1
