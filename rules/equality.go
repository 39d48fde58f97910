package rules

import (
	"strconv"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// compileExact compiles the operators exact and, negated, is_not.
//
// Filter values that look like booleans ("true", [false, "FALSE"]) compare by
// truthiness under property matching version 1, where false equals every
// value that is not truthy. Version 2 compares them as texts; only the empty
// array keeps the older reading.
func compileExact(v flagdef.Value, matching int) comparison {
	empty := v.Kind() == flagdef.Array && len(many(v)) == 0
	if empty || matching != 2 && booleanLike(v) {
		return varies(truthyMatcher{want: truthy(v)}, False)
	}
	m := exactMatcher{texts: map[string]struct{}{}}
	for _, element := range many(v) {
		s, ok := valueOperand(element).string()
		if !ok {
			m.unsettled = true
			continue
		}
		m.add(lowerText(s))
	}
	if len(m.texts) == 1 && !m.unsettled {
		for s := range m.texts {
			return varies(textMatcher{text: s, composite: m.composite}, False)
		}
	}
	return varies(m, False)
}

// textMatcher compares with a single text.
type textMatcher struct {
	text      string // in lower case
	composite bool   // it could be the text of an array or object
}

func (m textMatcher) match(o operand, _ time.Time) Truth {
	switch o.kind {
	case text:
		if o.text == m.text {
			return True // it is in lower case already
		}
		if len(o.text) == len(m.text) || !isASCII(o.text) || !isASCII(m.text) {
			return truth(lowerEqual(o.text, m.text))
		}
		return False
	case integer, float:
		var stack [40]byte
		return truth(string(appendNumber(stack[:0], o)) == m.text)
	default:
		return matchText(o, m.composite, func(s string) bool { return s == m.text })
	}
}

// exactMatcher compares with every text of a list at once.
type exactMatcher struct {
	texts     map[string]struct{} // in lower case
	composite bool                // one of them could be the text of an array or object
	unsettled bool                // the list has an element without a settled text
}

func (m *exactMatcher) add(s string) {
	m.texts[s] = struct{}{}
	m.composite = m.composite || compositeText(s)
}

func (m exactMatcher) match(o operand, _ time.Time) Truth {
	if m.unsettled {
		// What is unsettled is an object, so a scalar can be told from it unless
		// it is a string that looks like one.
		switch {
		case m.has(o) == True:
			return True
		case o.kind == composite || o.kind == undefined || o.kind == text && compositeText(o.text):
			return Unknown
		default:
			return False
		}
	}
	return m.has(o)
}

func (m exactMatcher) has(o operand) Truth {
	var stack [128]byte
	switch o.kind {
	case text:
		if len(o.text) > len(stack)/2 || !isASCII(o.text) {
			_, ok := m.texts[lowerText(o.text)]
			return truth(ok)
		}
		_, ok := m.texts[string(appendLowerASCII(stack[:0], o.text))]
		return truth(ok)
	case integer, float:
		_, ok := m.texts[string(appendNumber(stack[:0], o))]
		return truth(ok)
	default:
		return matchText(o, m.composite, func(s string) bool {
			_, ok := m.texts[s]
			return ok
		})
	}
}

// matchText is for the operands that are neither strings nor numbers.
func matchText(o operand, composite bool, equals func(lower string) bool) Truth {
	s, ok := o.string()
	switch {
	case ok:
		return truth(equals(lowerText(s)))
	case o.kind == undefined || composite:
		return Unknown
	default:
		return False // the text of a composite, whatever it is, is none of those
	}
}

func compositeText(s string) bool { return s != "" && (s[0] == '{' || s[0] == '[') }

// appendNumber prints a number in lower case.
func appendNumber(b []byte, o operand) []byte {
	if o.kind == integer {
		return strconv.AppendInt(b, o.int, 10)
	}
	return appendFloat(b, o.num)
}

// lowerEqual reports whether the lower case of s is lower.
func lowerEqual(s, lower string) bool {
	var stack [128]byte
	if len(s) <= len(stack)/2 {
		return string(appendLower(stack[:0], s)) == lower
	}
	return lowerText(s) == lower
}

// truthyMatcher compares truthiness.
type truthyMatcher struct{ want bool }

func (m truthyMatcher) match(o operand, _ time.Time) Truth {
	switch o.kind {
	case undefined:
		return Unknown
	case boolTrue:
		return truth(m.want)
	case text:
		return truth(equalASCII(o.text, "true") == m.want)
	case composite:
		return truth(truthy(o.tree) == m.want)
	default:
		return truth(!m.want)
	}
}

// booleanLike reports whether v is a boolean, a text that spells one, or an
// array of nothing else.
func booleanLike(v flagdef.Value) bool {
	switch v.Kind() {
	case flagdef.Bool:
		return true
	case flagdef.String:
		s := v.Text()
		return equalASCII(s, "true") || equalASCII(s, "false")
	case flagdef.Array:
		for element := range v.Elements() {
			if !booleanLike(element) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// truthy reports whether v is true, spells it, or is an array of nothing else.
func truthy(v flagdef.Value) bool {
	switch v.Kind() {
	case flagdef.Bool:
		return v.IsTrue()
	case flagdef.String:
		return equalASCII(v.Text(), "true")
	case flagdef.Array:
		for element := range v.Elements() {
			if !truthy(element) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// equalASCII compares s with a text in lower case, folding ASCII case.
// strings.EqualFold would also take ſ for s.
func equalASCII(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		if lowerByte(s[i]) != lower[i] {
			return false
		}
	}
	return true
}
