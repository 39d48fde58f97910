package regex

import (
	"strconv"
	"strings"
	"unicode"
)

// escape reads what follows a backslash outside of a class.
func (p *parser) escape() *node {
	if !p.more() {
		panic(Broken)
	}
	switch c := p.peek(); c {
	case 'A':
		p.pos++
		return &node{op: opTextStart}
	case 'z':
		p.pos++
		return &node{op: opTextEnd}
	case 'b', 'B':
		p.pos++
		if p.peek() == '{' {
			panic(Unjudged)
		}
		if c == 'b' {
			return &node{op: opWordBoundary}
		}
		return &node{op: opNotWordBoundary}
	case 'k':
		p.pos++
		return p.namedReference()
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.numberedReference()
	}
	set := &class{}
	if p.classEscape(set) {
		return &node{op: opClass, class: set, fold: p.flags.fold && len(set.tables) > 0}
	}
	return p.literal(p.characterEscape())
}

// classEscape adds \d, \s, \w, \p{…} or a complement of them to a class.
func (p *parser) classEscape(c *class) bool {
	switch letter := p.peek(); letter {
	case 'd', 's', 'w':
		p.pos++
		c.perl = append(c.perl, perlClass{letter: letter})
	case 'D', 'S', 'W':
		p.pos++
		c.perl = append(c.perl, perlClass{letter: letter | 0x20, negated: true})
	case 'p', 'P':
		p.pos++
		c.tables = append(c.tables, p.unicodeTable(letter == 'P'))
	default:
		return false
	}
	return true
}

func (p *parser) unicodeTable(negated bool) table {
	if !p.more() {
		panic(Broken)
	}
	var name string
	if p.accept("{") {
		inner, rest, ok := strings.Cut(p.s[p.pos:], "}")
		if !ok {
			panic(Unjudged)
		}
		p.pos = len(p.s) - len(rest)
		name = inner
	} else {
		name = string(p.next())
	}
	// Categories by their short names and scripts by their names are called
	// the same everywhere.
	if set, ok := unicode.Categories[name]; ok && len(name) <= 2 {
		return table{name, negated, set}
	}
	if set, ok := unicode.Scripts[name]; ok {
		return table{name, negated, set}
	}
	panic(Unjudged)
}

// characterEscape reads an escape that stands for one character.
func (p *parser) characterEscape() rune {
	if !p.more() {
		panic(Broken)
	}
	switch c := p.next(); c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	case 'v':
		return '\v'
	case 'a':
		return '\a'
	case 'x':
		return p.hex()
	default:
		if strings.ContainsRune("\\.+*?()|[]{}^$#&-~/@!\"%',:;=`", c) {
			return c
		}
		panic(Unjudged)
	}
}

// hex reads the digits of \x41 or \x{41}.
func (p *parser) hex() rune {
	digits := ""
	if p.accept("{") {
		inner, rest, ok := strings.Cut(p.s[p.pos:], "}")
		if !ok {
			panic(Unjudged)
		}
		p.pos = len(p.s) - len(rest)
		digits = inner
	} else if p.pos+2 <= len(p.s) {
		digits = p.s[p.pos : p.pos+2]
		p.pos += 2
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || n > unicode.MaxRune || 0xd800 <= n && n < 0xe000 {
		panic(Unjudged)
	}
	return rune(n)
}

// class reads a class after its opening bracket.
func (p *parser) class() *class {
	c := &class{negated: p.accept("^")}
	if strings.HasPrefix(p.s[p.pos:], "]-") {
		panic(Unjudged) // a range in most dialects, but not to the server
	}
	for first := true; ; first = false {
		if !p.more() {
			panic(Broken)
		}
		if p.peek() == ']' && !first {
			p.pos++
			return c
		}
		p.classItem(c)
	}
}

func (p *parser) classItem(c *class) {
	switch rest := p.s[p.pos:]; {
	case strings.HasPrefix(rest, "[:"):
		p.posixClass(c)
		return
	case rest[0] == '[', strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "~~"):
		p.unclosed()
		panic(Unjudged)
	}
	var lo rune
	if p.accept("\\") {
		if p.classEscape(c) {
			if p.peek() == '-' && !strings.HasPrefix(p.s[p.pos:], "-]") {
				panic(Unjudged)
			}
			return
		}
		lo = p.characterEscape()
	} else {
		lo = p.next()
	}
	if p.peek() != '-' || strings.HasPrefix(p.s[p.pos:], "-]") || strings.HasPrefix(p.s[p.pos:], "--") {
		c.ranges = append(c.ranges, span{lo, lo})
		return
	}
	p.pos++
	if hi := p.rangeEnd(); hi >= lo {
		c.ranges = append(c.ranges, span{lo, hi})
		return
	}
	panic(Broken)
}

func (p *parser) rangeEnd() rune {
	switch {
	case !p.more():
		panic(Broken)
	case p.peek() == '[':
		panic(Unjudged)
	case p.accept("\\"):
		return p.characterEscape()
	default:
		return p.next()
	}
}

// unclosed makes a class Broken if no bracket at all can close it.
func (p *parser) unclosed() {
	if !strings.Contains(p.s[p.pos:], "]") {
		panic(Broken)
	}
}

func (p *parser) posixClass(c *class) {
	name, rest, ok := strings.Cut(p.s[p.pos+len("[:"):], ":]")
	ranges, known := posixClasses[name]
	if !ok || !known {
		p.unclosed()
		panic(Unjudged)
	}
	c.ranges = append(c.ranges, ranges...)
	p.pos = len(p.s) - len(rest)
}
