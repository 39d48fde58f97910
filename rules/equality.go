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
	if isEmptyArray(v) || matching != 2 && booleanLike(v) {
		return varies(truthyMatcher{want: truthy(v)}, False)
	}
	if v.Kind() != flagdef.Array {
		s, ok := valueOperand(v).string()
		if !ok || !settledCase(s) {
			return undecidable(FilterValue, string(v))
		}
		return varies(&textMatcher{lowerText(s)}, False)
	}
	length := 0
	for range v.Elements() {
		length++
	}
	m := newExactMatcher(length)
	for element := range v.Elements() {
		s, ok := valueOperand(element).string()
		if !ok || !settledCase(s) {
			m.open = true
			continue
		}
		m.add(lowerText(s))
	}
	return varies(&m, False)
}

func isEmptyArray(v flagdef.Value) bool {
	for range v.Elements() {
		return false
	}
	return v.Kind() == flagdef.Array
}

// textMatcher compares with a single text, in lower case.
type textMatcher struct{ text string }

func (m *textMatcher) match(o operand, _ time.Time) Truth {
	switch o.kind {
	case text:
		switch {
		case o.text == m.text:
			return True
		case isASCII(o.text):
			return truth(equalASCII(o.text, m.text))
		case !settledCase(o.text):
			return Unknown
		}
		return truth(lowerEqual(o.text, m.text))
	case integer, float:
		var stack [40]byte
		b, ok := appendNumber(stack[:0], o)
		if !ok {
			return Unknown
		}
		return truth(string(b) == m.text)
	}
	s, ok := o.string()
	if !ok || !settledCase(s) {
		return Unknown
	}
	return truth(lowerText(s) == m.text)
}

// exactMatcher compares with every text of a list at once.
type exactMatcher struct {
	few   []string            // in lower case, if there are few
	texts map[string]struct{} // in lower case, if there are many
	open  bool                // the list has an element whose text is not settled
}

// manyTexts is the length from which a list is searched by its hash.
const manyTexts = 8

func newExactMatcher(length int) exactMatcher {
	if length < manyTexts {
		return exactMatcher{few: make([]string, 0, length)}
	}
	return exactMatcher{texts: make(map[string]struct{}, length)}
}

func (m *exactMatcher) add(s string) {
	if m.texts != nil {
		m.texts[s] = struct{}{}
	} else {
		m.few = append(m.few, s)
	}
}

// among looks an ASCII text up in a short list.
func (m *exactMatcher) among(s string) bool {
	for _, t := range m.few {
		if equalASCII(s, t) {
			return true
		}
	}
	return false
}

// find looks up a text in lower case.
func (m *exactMatcher) find(lower []byte) bool {
	if m.texts != nil {
		_, ok := m.texts[string(lower)]
		return ok
	}
	for _, t := range m.few {
		if t == string(lower) {
			return true
		}
	}
	return false
}

func (m *exactMatcher) match(o operand, _ time.Time) Truth {
	found, ok := m.has(o)
	switch {
	case found:
		return True
	case !ok || m.open:
		return Unknown
	default:
		return False
	}
}

// has reports whether an operand's text is in the list. ok is false if the
// operand has no settled text.
func (m *exactMatcher) has(o operand) (found, ok bool) {
	if o.kind == text && m.texts == nil && isASCII(o.text) {
		return m.among(o.text), true
	}
	var stack [128]byte
	switch {
	case o.kind == text:
		if !settledCase(o.text) {
			return false, false
		}
		return m.find(appendLower(stack[:0], o.text)), true
	case o.kind == integer || o.kind == float:
		b, ok := appendNumber(stack[:0], o)
		return ok && m.find(b), ok
	}
	s, ok := o.string()
	ok = ok && settledCase(s)
	return ok && m.find(appendLower(stack[:0], s)), ok
}

// appendNumber prints a number in lower case. ok is false if the text is not
// settled.
func appendNumber(b []byte, o operand) (_ []byte, ok bool) {
	if o.kind == integer {
		return strconv.AppendInt(b, o.int(), 10), true
	}
	return appendFloat(b, o.float())
}

// lowerEqual reports whether the lower case of s is lower.
func lowerEqual(s, lower string) bool {
	var stack [128]byte
	if len(s) <= len(stack)/2 { // lower case can be longer
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
		return truth(truthy(flagdef.Value(o.text)) == m.want)
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
