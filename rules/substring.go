package rules

import (
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// substringMatcher looks for one of several needles, folding ASCII case only.
type substringMatcher struct {
	how     func(s, needle string) bool
	needles []string // folded
}

func contains(s, needle string) bool { return strings.Contains(s, needle) }
func prefix(s, needle string) bool   { return strings.HasPrefix(s, needle) }
func suffix(s, needle string) bool   { return strings.HasSuffix(s, needle) }

// one takes a filter value whole; many takes an array apart.
func one(v flagdef.Value) []flagdef.Value { return []flagdef.Value{v} }

func many(v flagdef.Value) (list []flagdef.Value) {
	if v.Kind() != flagdef.Array {
		return one(v)
	}
	for element := range v.Elements() {
		list = append(list, element)
	}
	return list
}

func substring(how func(s, needle string) bool, split func(flagdef.Value) []flagdef.Value) func(*compiler, flagdef.Value) comparison {
	return func(_ *compiler, v flagdef.Value) comparison {
		m := substringMatcher{how: how}
		for _, element := range split(v) {
			s, ok := valueOperand(element).string()
			if !ok {
				return undecidable(FilterValue, string(v))
			}
			m.needles = append(m.needles, lowerASCII(s))
		}
		if len(m.needles) == 0 {
			return constant(False)
		}
		return varies(m, False)
	}
}

func (m substringMatcher) match(o operand, _ time.Time) Truth {
	s, ok := o.string()
	if !ok {
		return Unknown
	}
	return m.find(lowerASCII(s))
}

func (m substringMatcher) find(s string) Truth {
	for _, needle := range m.needles {
		if m.how(s, needle) {
			return True
		}
	}
	return False
}
