package regex

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parser reads a pattern from left to right. It stops at the first thing that
// makes the pattern Broken or Unjudged, by panicking with that Verdict, which
// parse recovers.
type parser struct {
	s     string
	pos   int
	flags flags
	ended []bool // of each group, whether its parenthesis has closed
	names map[string]int
	depth int
	refs  references
}

type flags struct{ fold, multiline, dotAll, swapGreed bool }

const (
	maxDepth  = 100  // nesting of groups
	maxRepeat = 1000 // the count of a repetition
)

func parse(pattern string) (tree *node, groups int, verdict Verdict) {
	p := &parser{s: pattern, names: map[string]int{}}
	defer func() {
		switch stop := recover().(type) {
		case nil:
		case Verdict:
			if stop == Broken && strings.Contains(pattern, "{0") {
				stop = Unjudged // newer servers do not look at what is repeated zero times
			}
			tree, verdict = nil, stop
		default:
			panic(stop)
		}
	}()
	tree = p.alternation()
	if p.pos < len(p.s) {
		panic(Broken) // a parenthesis that nothing opened
	}
	p.judge(tree)
	return tree, len(p.ended), Usable
}

func (p *parser) more() bool { return p.pos < len(p.s) }

func (p *parser) peek() byte {
	if p.more() {
		return p.s[p.pos]
	}
	return 0
}

func (p *parser) accept(prefix string) bool {
	if strings.HasPrefix(p.s[p.pos:], prefix) {
		p.pos += len(prefix)
		return true
	}
	return false
}

func (p *parser) next() rune {
	r, n := utf8.DecodeRuneInString(p.s[p.pos:])
	p.pos += n
	return r
}

// alternation reads up to the end of the pattern or of the group.
func (p *parser) alternation() *node {
	if p.depth++; p.depth > maxDepth {
		panic(Unjudged)
	}
	outer := p.flags
	branches := []*node{p.concatenation()}
	for p.accept("|") {
		branches = append(branches, p.concatenation())
	}
	p.flags = outer // flags set inside a group end with it
	p.depth--
	if len(branches) == 1 {
		return branches[0]
	}
	return &node{op: opAlternate, subs: branches}
}

func (p *parser) concatenation() *node {
	var parts []*node
	for p.more() && p.peek() != '|' && p.peek() != ')' {
		atom := p.atom()
		if atom == nil { // flags for what follows
			p.noRepeat()
			continue
		}
		parts = append(parts, p.repetition(atom))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &node{op: opConcat, subs: parts}
}

// noRepeat makes sure that no repetition follows something that dialects
// disagree about repeating.
func (p *parser) noRepeat() {
	switch p.peek() {
	case '*', '+', '?', '{':
		panic(Unjudged)
	}
}

func (p *parser) repetition(atom *node) *node {
	lo, hi, ok := p.quantifier()
	if !ok {
		return atom
	}
	switch atom.op {
	case opTextStart, opTextEnd, opLineStart, opLineEnd, opWordBoundary, opNotWordBoundary,
		opLookAhead, opLookBehind:
		panic(Unjudged)
	}
	n := &node{op: opRepeat, subs: []*node{atom}, min: lo, max: hi}
	switch {
	case p.accept("+"):
		if p.flags.swapGreed {
			panic(Unjudged) // possessive, but of as few as possible
		}
		n = &node{op: opAtomic, subs: []*node{n}}
	case p.accept("?"):
		n.lazy = !p.flags.swapGreed
	default:
		n.lazy = p.flags.swapGreed
	}
	p.noRepeat() // a repetition of a repetition
	return n
}

func (p *parser) quantifier() (lo, hi int, ok bool) {
	switch p.peek() {
	case '*':
		p.pos++
		return 0, -1, true
	case '+':
		p.pos++
		return 1, -1, true
	case '?':
		p.pos++
		return 0, 1, true
	case '{':
		p.pos++
		return p.braces()
	}
	return 0, 0, false
}

// braces reads {n}, {n,} or {n,m}; every other use of a brace is read in
// different ways.
func (p *parser) braces() (lo, hi int, ok bool) {
	body, rest, closed := strings.Cut(p.s[p.pos:], "}")
	if !closed {
		panic(Unjudged)
	}
	low, high, comma := strings.Cut(body, ",")
	lo = count(low)
	switch {
	case !comma:
		hi = lo
	case high == "":
		hi = -1
	default:
		hi = count(high)
		if hi < lo {
			panic(Unjudged)
		}
	}
	p.pos = len(p.s) - len(rest)
	return lo, hi, true
}

func count(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n > 4*maxRepeat || s[0] == '+' || s[0] == '-' {
		panic(Unjudged)
	}
	return n
}

func (p *parser) atom() *node {
	switch p.peek() {
	case '(':
		return p.group()
	case '[':
		p.pos++
		return &node{op: opClass, class: p.class(), fold: p.flags.fold}
	case '.':
		p.pos++
		c := &class{negated: true}
		if !p.flags.dotAll {
			c.ranges = []span{{'\n', '\n'}}
		}
		return &node{op: opClass, class: c}
	case '^':
		p.pos++
		if p.flags.multiline {
			return &node{op: opLineStart}
		}
		return &node{op: opTextStart}
	case '$':
		p.pos++
		if p.flags.multiline {
			return &node{op: opLineEnd}
		}
		return &node{op: opTextEnd}
	case '*', '+', '?':
		panic(Broken) // nothing to repeat
	case '{':
		panic(Unjudged)
	case '\\':
		p.pos++
		return p.escape()
	default:
		return p.literal(p.next())
	}
}

func (p *parser) literal(r rune) *node {
	return &node{op: opLiteral, r: r, fold: p.flags.fold && unicode.SimpleFold(r) != r}
}
