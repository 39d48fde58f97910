package rules

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hogflags/hogflags/flagdef"
)

// matcher is the compiled half of a property filter: its operator and value.
// It is given the property's value, which is never absent, and the instant of
// the evaluation. Everything goes in by value, so that nothing moves to the
// heap.
type matcher interface {
	match(o operand, now time.Time) Truth
}

// comparison is a property filter's operator and value, compiled.
type comparison struct {
	matcher
	whenMissing Truth // the outcome if the property is known to be missing

	// whatever is the outcome if it is the same for every value of the property
	// and for its absence, else Unknown. It is also the outcome where the
	// property is not known.
	whatever Truth

	// unsettled says what, in the filter itself, is not known; nil if nothing.
	unsettled *Missing
}

// always is the matcher of a comparison that does not look at the property.
type always Truth

func (a always) match(operand, time.Time) Truth { return Truth(a) }

func constant(t Truth) comparison {
	return comparison{matcher: always(t), whenMissing: t, whatever: t}
}

// undecidable is a comparison that only the server can make.
func undecidable(kind MissingKind, name string) comparison {
	c := constant(Unknown)
	c.unsettled = &Missing{Kind: kind, Name: name}
	return c
}

// varies is a comparison whose outcome depends on the property.
func varies(m matcher, whenMissing Truth) comparison {
	return comparison{matcher: m, whenMissing: whenMissing, whatever: Unknown}
}

// negated is a comparison's opposite.
func (c comparison) negated() comparison {
	return comparison{
		matcher:     opposite{c.matcher},
		whenMissing: c.whenMissing.not(),
		whatever:    c.whatever.not(),
		unsettled:   c.unsettled,
	}
}

type opposite struct{ matcher }

func (m opposite) match(o operand, now time.Time) Truth { return m.matcher.match(o, now).not() }

// compileComparison reads an operator and its value. The operators and what
// they do with a missing property and with an operand that they cannot read
// are the server's; where it reports an error, the filter does not match.
func (c *compiler) compileComparison(operator string, value flagdef.Value) comparison {
	switch operator {
	case "is_set":
		return varies(always(True), False)
	case "is_not_set":
		return varies(always(False), True)
	}
	known, isKnown := operators[operator]
	switch {
	case !isKnown:
		return undecidable(Operator, operator)
	case value.IsNull():
		// A filter without a value never matches, not even a negative one.
		return constant(False)
	}
	if hasRough(value) {
		return undecidable(FilterValue, string(value))
	}
	compiled := known(c, value)
	if older, newer, ok := spellings(valueOperand(value)); ok && comparesTexts[operator] {
		compiled = known(c, older)
		compiled.matcher = spelled{compiled.matcher, known(c, newer).matcher}
	}
	if hasReplacement(value) {
		compiled.matcher = validated{compiled.matcher}
	}
	return compiled
}

// match hands the operand to the matcher. A number that the server may read in
// two ways has to come out the same in both.
func (c *comparison) match(o operand, now time.Time) Truth {
	if o.kind != rough {
		return c.matcher.match(o, now)
	}
	exact, quick := o.readings()
	return agreed(c.matcher.match(exact, now), c.matcher.match(quick, now))
}

// hasReplacement reports whether the text of a filter value has U+FFFD in it,
// or may have, because it is not settled.
func hasReplacement(value flagdef.Value) bool {
	for _, b := range value {
		if b >= utf8.RuneSelf || b == '\\' || b == '{' {
			s, ok := valueOperand(value).string()
			return !ok || strings.ContainsRune(s, utf8.RuneError)
		}
	}
	return false // plain, as nearly always
}

// validated replaces invalid bytes of a property's text by U+FFFD first, as
// happens on the way to the server. Only a filter that has this character in
// it can tell the difference: bytes that are not valid equal nothing else.
type validated struct{ matcher }

func (m validated) match(o operand, now time.Time) Truth {
	if o.kind == text {
		o.text = validUTF8(o.text)
	}
	return m.matcher.match(o, now)
}

// operators maps the operators that need a value to their compilers.
var operators map[string]func(*compiler, flagdef.Value) comparison

func init() { // in an init because compilers refer to it through cohorts
	operators = map[string]func(*compiler, flagdef.Value) comparison{
		"":       func(c *compiler, v flagdef.Value) comparison { return compileExact(v, c.matching) },
		"exact":  func(c *compiler, v flagdef.Value) comparison { return compileExact(v, c.matching) },
		"is_not": func(c *compiler, v flagdef.Value) comparison { return compileExact(v, c.matching).negated() },

		"icontains":           substring(contains, one),
		"not_icontains":       not(substring(contains, one)),
		"icontains_multi":     substring(contains, many),
		"not_icontains_multi": not(substring(contains, many)),
		"starts_with":         substring(prefix, one),
		"not_starts_with":     not(substring(prefix, one)),
		"ends_with":           substring(suffix, one),
		"not_ends_with":       not(substring(suffix, one)),

		"regex":     func(_ *compiler, v flagdef.Value) comparison { return compileRegex(v, false) },
		"not_regex": func(_ *compiler, v flagdef.Value) comparison { return compileRegex(v, true) },

		"gt":          ordering(func(a, b float64) bool { return a > b }),
		"gte":         ordering(func(a, b float64) bool { return a >= b }),
		"lt":          ordering(func(a, b float64) bool { return a < b }),
		"lte":         ordering(func(a, b float64) bool { return a <= b }),
		"between":     func(_ *compiler, v flagdef.Value) comparison { return compileBetween(v, false) },
		"not_between": func(_ *compiler, v flagdef.Value) comparison { return compileBetween(v, true) },

		"is_date_exact":  func(c *compiler, v flagdef.Value) comparison { return c.compileDate(v, dateExact) },
		"is_date_before": func(c *compiler, v flagdef.Value) comparison { return c.compileDate(v, dateBefore) },
		"is_date_after":  func(c *compiler, v flagdef.Value) comparison { return c.compileDate(v, dateAfter) },

		"semver_eq":       semantic(semverEq),
		"semver_neq":      semantic(semverNeq),
		"semver_gt":       semantic(semverGt),
		"semver_gte":      semantic(semverGte),
		"semver_lt":       semantic(semverLt),
		"semver_lte":      semantic(semverLte),
		"semver_tilde":    semverRequirement(tildeText),
		"semver_caret":    semverRequirement(caretText),
		"semver_wildcard": semverRequirement(wildcardText),

		// Operators of cohort and flag filters are errors on a property.
		"in":                func(*compiler, flagdef.Value) comparison { return constant(False) },
		"not_in":            func(*compiler, flagdef.Value) comparison { return constant(False) },
		"flag_evaluates_to": func(*compiler, flagdef.Value) comparison { return constant(False) },
	}
}

func not(compile func(*compiler, flagdef.Value) comparison) func(*compiler, flagdef.Value) comparison {
	return func(c *compiler, v flagdef.Value) comparison { return compile(c, v).negated() }
}
