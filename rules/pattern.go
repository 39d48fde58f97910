package rules

import (
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules/internal/regex"
)

// patternMatcher searches for a regular expression.
type patternMatcher struct {
	pattern *regex.Pattern
	negated bool
}

// compileRegex compiles the operators regex and not_regex. A pattern that is
// broken matches under neither of them.
func compileRegex(v flagdef.Value, negated bool) comparison {
	text, ok := valueOperand(v).string()
	if !ok {
		return undecidable(FilterValue, string(v))
	}
	pattern, verdict := regex.Compile(text)
	switch verdict {
	case regex.Usable:
		return varies(&patternMatcher{pattern, negated}, truth(negated))
	case regex.Broken:
		c := constant(False)
		if negated {
			// The server looks for the property first.
			c.whenMissing, c.whatever = True, Unknown
		}
		return c
	default:
		c := undecidable(Pattern, text)
		c.whenMissing = truth(negated)
		return c
	}
}

func (m *patternMatcher) match(o operand, _ time.Time) Truth {
	s, ok := o.string()
	if !ok {
		return Unknown
	}
	switch m.pattern.Search(s) {
	case regex.Match:
		return truth(!m.negated)
	case regex.NoMatch:
		return truth(m.negated)
	default:
		return Unknown
	}
}
