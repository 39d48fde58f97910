package oracle

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// runes is a set of characters: pairs of first and last, in any order.
type runes [][2]rune

func (rs runes) has(r rune) bool {
	for _, p := range rs {
		if p[0] <= r && r <= p[1] {
			return true
		}
	}
	return false
}

// complement is everything else, surrogates aside (no text has any).
func (rs runes) complement() runes {
	sorted := slices.Clone(rs)
	slices.SortFunc(sorted, func(a, b [2]rune) int { return int(a[0] - b[0]) })
	var result runes
	from := rune(0)
	for _, p := range sorted {
		if from < p[0] {
			result = append(result, [2]rune{from, p[0] - 1})
		}
		from = max(from, p[1]+1)
	}
	if from <= unicode.MaxRune {
		result = append(result, [2]rune{from, unicode.MaxRune})
	}
	return result
}

func tableRunes(tables ...*unicode.RangeTable) runes {
	var result runes
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			result = append(result, [2]rune{lo, hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			result = append(result, [2]rune{r, r})
		}
	}
	for _, t := range tables {
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return result
}

// perlClass is \d, \w or \s in its Unicode meaning.
func perlClass(c byte) runes {
	switch c {
	case 'd':
		return tableRunes(unicode.Nd)
	case 's':
		return tableRunes(unicode.White_Space)
	}
	return tableRunes(unicode.L, unicode.Nl, unicode.Other_Alphabetic, unicode.M, unicode.Nd, unicode.Pc, unicode.Join_Control)
}

var posixClasses = map[string]runes{
	"alnum": {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}},
	"alpha": {{'A', 'Z'}, {'a', 'z'}},
	"digit": {{'0', '9'}},
	"lower": {{'a', 'z'}},
	"punct": {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}},
	"space": {{'\t', '\r'}, {' ', ' '}},
	"upper": {{'A', 'Z'}},
	"word":  {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}, {'_', '_'}},
}

var posixGrammar = regexp.MustCompile(`^\[:([a-z]+):\]`)

// brackets reads a class after its opening bracket. A bracket within is a
// nested class to some dialects and a literal to others.
func (ps *parser) brackets() (*node, error) {
	n := ps.node(class)
	n.negated = ps.take("^")
	if strings.HasPrefix(ps.rest, "]-") {
		return nil, errUndecided
	}
	for first := true; ; first = false {
		if ps.rest == "" {
			return nil, errBroken
		}
		if !first && ps.take("]") {
			return n, nil
		}
		for _, operator := range []string{"&&", "--", "~~"} {
			if strings.HasPrefix(ps.rest, operator) {
				return nil, errUndecided
			}
		}
		if m := posixGrammar.FindStringSubmatch(ps.rest); m != nil {
			set, ok := posixClasses[m[1]]
			if !ok {
				return nil, errUndecided
			}
			ps.take(m[0])
			n.set = append(n.set, set...)
			continue
		}
		low, set, err := ps.classItem()
		if err != nil {
			return nil, err
		}
		ranged := strings.HasPrefix(ps.rest, "-") && len(ps.rest) > 1 && ps.rest[1] != ']'
		if set != nil {
			if ranged {
				return nil, errUndecided
			}
			n.set = append(n.set, set...)
			continue
		}
		high := low
		if strings.HasPrefix(ps.rest, "--") {
			return nil, errUndecided
		}
		if ranged {
			ps.take("-")
			high, set, err = ps.classItem()
			if err == nil && set != nil {
				err = errUndecided
			}
			if err == nil && high < low {
				err = errBroken
			}
			if err != nil {
				return nil, err
			}
		}
		n.set = append(n.set, [2]rune{low, high})
	}
}

func (ps *parser) classItem() (rune, runes, error) {
	switch {
	case ps.take(`\`):
		return ps.charEscape()
	case strings.HasPrefix(ps.rest, "["):
		if ps.rest == "[" {
			return 0, nil, errBroken
		}
		return 0, nil, errUndecided
	}
	return ps.next(), nil, nil
}

// fixedBranches says that each alternative has one length, as a look-behind needs.
func fixedBranches(alt *node) bool {
	for _, branch := range alt.subs {
		if _, fixed := branch.length(); !fixed {
			return false
		}
	}
	return true
}

// length is how many characters a node matches, if that is always the same.
func (n *node) length() (int, bool) {
	total := 0
	switch n.kind {
	case literal, class, dot:
		return 1, true
	case assertion, look:
		return 0, true
	case reference:
		return 0, false
	case alternation:
		for i, sub := range n.subs {
			l, fixed := sub.length()
			if !fixed || i > 0 && l != total {
				return 0, false
			}
			total = l
		}
		return total, true
	case repetition:
		l, fixed := n.subs[0].length()
		return l * n.min, fixed && n.min == n.max
	}
	for _, sub := range n.subs {
		l, fixed := sub.length()
		if !fixed {
			return 0, false
		}
		total += l
	}
	return total, true
}

// mayBeEmpty says whether a node can match no character.
func (n *node) mayBeEmpty() bool {
	switch n.kind {
	case literal, class, dot:
		return false
	case assertion, look, reference:
		return true
	case alternation:
		return slices.ContainsFunc(n.subs, (*node).mayBeEmpty)
	case repetition:
		return n.min == 0 || n.subs[0].mayBeEmpty()
	}
	return !slices.ContainsFunc(n.subs, func(sub *node) bool { return !sub.mayBeEmpty() })
}

// weight estimates the size of the compiled program, repetitions written out.
func (n *node) weight() int {
	total := 1
	if n.kind == class && (n.negated || len(n.set) > 20) {
		total = 500
	}
	if n.kind == dot {
		total = 10
	}
	for _, sub := range n.subs {
		total += sub.weight()
	}
	if n.kind == repetition {
		total *= max(n.min, n.max, 1)
	}
	return min(total, 1<<30)
}
