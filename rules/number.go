package rules

import (
	"math"
	"strconv"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// orderMatcher compares numbers.
type orderMatcher struct {
	holds func(property, bound float64) bool
	bound float64
}

func ordering(holds func(property, bound float64) bool) func(*compiler, flagdef.Value) comparison {
	return func(_ *compiler, v flagdef.Value) comparison {
		bound, ok := valueOperand(v).numeric()
		if !ok || !(holds(bound, bound) || holds(math.Inf(-1), bound) || holds(math.Inf(1), bound)) {
			return constant(False) // nothing is above infinity, or in any order to NaN
		}
		return varies(&orderMatcher{holds, bound}, False)
	}
}

func (m *orderMatcher) match(o operand, _ time.Time) Truth {
	if o.kind == undefined {
		return Unknown
	}
	x, ok := o.numeric()
	return truth(ok && m.holds(x, m.bound))
}

// betweenMatcher tests an inclusive range.
type betweenMatcher struct {
	low, high float64
	outside   bool // not_between
}

func compileBetween(v flagdef.Value, outside bool) comparison {
	bounds := many(v)
	if v.Kind() != flagdef.Array || len(bounds) != 2 {
		return malformedRange(outside)
	}
	low, ok1 := valueOperand(bounds[0]).numeric()
	high, ok2 := valueOperand(bounds[1]).numeric()
	if !ok1 || !ok2 || math.IsNaN(low) || math.IsNaN(high) || low > high {
		return malformedRange(outside)
	}
	return varies(&betweenMatcher{low, high, outside}, truth(outside))
}

// malformedRange never matches a property. Whether not_between looks at its
// bounds before it looks whether there is a property differs among servers.
func malformedRange(outside bool) comparison {
	c := constant(False)
	if outside {
		c.whenMissing, c.whatever = Unknown, Unknown
	}
	return c
}

func (m *betweenMatcher) match(o operand, _ time.Time) Truth {
	x, ok := o.numeric()
	switch {
	case o.kind == undefined, !ok && m.outside:
		// To earlier servers a property that is no number is an error, to
		// later ones it is outside of every range.
		return Unknown
	case !ok, math.IsNaN(x):
		return False
	default:
		return truth((m.low <= x && x <= m.high) != m.outside)
	}
}

// parseFloat reads a number in the server's grammar: decimal, no blanks, no
// underscores, no hexadecimal; "inf", "infinity" and "nan" in any case.
func parseFloat(s string) (x float64, ok bool) {
	unsigned := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		unsigned = s[1:]
	}
	if unsigned == "" {
		return 0, false
	}
	switch c := unsigned[0]; {
	case c == 'i' || c == 'I' || c == 'n' || c == 'N':
		switch lowerASCII(unsigned) {
		case "inf", "infinity":
			if s[0] == '-' {
				return math.Inf(-1), true
			}
			return math.Inf(1), true
		case "nan":
			return math.NaN(), true
		}
		return 0, false
	case c != '.' && (c < '0' || c > '9'):
		return 0, false
	}
	for i := range len(unsigned) {
		switch c := unsigned[i]; {
		case '0' <= c && c <= '9', c == '.', c == 'e', c == 'E', c == '+', c == '-':
		default:
			return 0, false
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(x, 0) { // out of range is infinite, as on the server
		return 0, false
	}
	return x, true
}
