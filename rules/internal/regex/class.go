package regex

import (
	"unicode"
	"unicode/utf8"
)

// class is a set of characters.
type class struct {
	negated bool
	ranges  []span
	perl    []perlClass
	tables  []table
}

type span struct{ lo, hi rune }

// perlClass is \d, \s, \w or one of their complements.
type perlClass struct {
	letter  byte // d, s or w
	negated bool
}

// table is a Unicode category or script: \p{L}.
type table struct {
	name    string
	negated bool
	set     *unicode.RangeTable
}

// has reports whether r is in the class, by Unicode's meaning of everything.
func (c *class) has(r rune, fold bool) bool {
	if c.contains(r) {
		return !c.negated
	}
	if fold {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			if c.contains(f) {
				return !c.negated
			}
		}
	}
	return c.negated
}

func (c *class) contains(r rune) bool {
	for _, s := range c.ranges {
		if s.lo <= r && r <= s.hi {
			return true
		}
	}
	for _, p := range c.perl {
		if p.has(r) != p.negated {
			return true
		}
	}
	for _, t := range c.tables {
		if unicode.Is(t.set, r) != t.negated {
			return true
		}
	}
	return false
}

func (p perlClass) has(r rune) bool {
	switch p.letter {
	case 'd':
		return unicode.Is(unicode.Nd, r)
	case 's':
		return unicode.Is(unicode.White_Space, r)
	default:
		return isWord(r)
	}
}

// isWord is Unicode's word character: alphabetic, mark, decimal number,
// connector punctuation or join control.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	return unicode.In(r, unicode.L, unicode.Nl, unicode.Other_Alphabetic, unicode.M, unicode.Nd, unicode.Pc, unicode.Join_Control)
}

// ascii is the part of \d, \s and \w that is ASCII.
func (p perlClass) ascii() []span {
	switch p.letter {
	case 'd':
		return []span{{'0', '9'}}
	case 's':
		return []span{{'\t', '\r'}, {' ', ' '}}
	default:
		return []span{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}
	}
}

// complement is the part of ASCII that is not in sorted ranges.
func complement(ranges []span) (rest []span) {
	next := rune(0)
	for _, s := range ranges {
		if next < s.lo {
			rest = append(rest, span{next, s.lo - 1})
		}
		next = s.hi + 1
	}
	return append(rest, span{next, unicode.MaxASCII})
}

var posixClasses = map[string][]span{
	"alnum":  {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}},
	"alpha":  {{'A', 'Z'}, {'a', 'z'}},
	"ascii":  {{0, 0x7f}},
	"blank":  {{'\t', '\t'}, {' ', ' '}},
	"cntrl":  {{0, 0x1f}, {0x7f, 0x7f}},
	"digit":  {{'0', '9'}},
	"graph":  {{'!', '~'}},
	"lower":  {{'a', 'z'}},
	"print":  {{' ', '~'}},
	"punct":  {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}},
	"space":  {{'\t', '\r'}, {' ', ' '}},
	"upper":  {{'A', 'Z'}},
	"word":   {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
	"xdigit": {{'0', '9'}, {'A', 'F'}, {'a', 'f'}},
}
