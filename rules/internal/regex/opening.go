package regex

import (
	"math"
	"unicode/utf8"
)

// opening is the ASCII characters with which a subject may begin that an
// anchored pattern matches: "^(ada|grace)\\." takes a and g. Most subjects begin
// with another one, and need no engine.
type opening [2]uint64

// openingOf returns nil if the pattern is not anchored, or may match nothing.
func openingOf(tree *node) *opening {
	if tree.op != opConcat || len(tree.subs) == 0 || tree.subs[0].op != opTextStart {
		return nil
	}
	var o opening
	if !o.add(tree) {
		return nil
	}
	return &o
}

// add adds the characters with which a match of n may begin, and reports
// whether every match takes one. A superset is added where n has conditions.
func (o *opening) add(n *node) (takes bool) {
	switch n.op {
	case opLiteral, opClass:
		for r := range rune(utf8.RuneSelf) {
			if n.matches(r) {
				o[r/64] |= 1 << (r % 64)
			}
		}
		return true
	case opConcat, opCapture, opAtomic:
		for _, sub := range n.subs {
			if o.add(sub) {
				return true
			}
		}
		return false
	case opAlternate:
		takes = true
		for _, sub := range n.subs {
			takes = o.add(sub) && takes
		}
		return takes
	case opRepeat:
		return o.add(n.subs[0]) && n.min > 0
	case opBackReference: // takes anything, or nothing
		*o = opening{math.MaxUint64, math.MaxUint64}
		return false
	default:
		return false
	}
}

// refuses reports whether no match can begin at the beginning of s.
func (o *opening) refuses(s string) bool {
	if s == "" {
		return true
	}
	b := s[0]
	return b < utf8.RuneSelf && o[b/64]&(1<<(b%64)) == 0
}
