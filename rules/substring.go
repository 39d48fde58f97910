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
		return varies(&m, False)
	}
}

func (m *substringMatcher) match(o operand, _ time.Time) Truth {
	s, ok := o.string()
	if !ok {
		return Unknown
	}
	for _, needle := range m.needles {
		if m.how(s, needle) {
			return True
		}
	}
	return False
}

// contains, prefix and suffix fold s; the needle is in lower case.

func contains(s, needle string) bool {
	switch {
	case !hasUpperASCII(s):
		return strings.Contains(s, needle)
	case len(s) > 1<<10: // where folding a copy is cheaper than comparing at each place
		return strings.Contains(lowerASCII(s), needle)
	}
	for i := 0; i+len(needle) <= len(s); i++ {
		if equalASCII(s[i:i+len(needle)], needle) {
			return true
		}
	}
	return false
}

func prefix(s, needle string) bool {
	return len(s) >= len(needle) && equalASCII(s[:len(needle)], needle)
}

func suffix(s, needle string) bool {
	return len(s) >= len(needle) && equalASCII(s[len(s)-len(needle):], needle)
}
