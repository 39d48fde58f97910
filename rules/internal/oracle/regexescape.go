package oracle

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var (
	hexGrammar  = regexp.MustCompile(`^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})`)
	propGrammar = regexp.MustCompile(`^[pP](?:([A-Z])|\{(\^?)([A-Za-z_]+)\})`)
)

// charEscapes stand for one character, inside a class and outside.
var charEscapes = map[byte]rune{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f', 'v': '\v', 'a': '\a'}

// charEscape reads the escapes that mean the same inside a class and outside:
// one character, or a set of them.
func (ps *parser) charEscape() (r rune, set runes, err error) {
	if ps.rest == "" {
		return 0, nil, errBroken // a backslash at the end
	}
	c := ps.rest[0]
	switch {
	case strings.IndexByte("dDwWsS", c) >= 0:
		ps.rest = ps.rest[1:]
		set := perlClass(c | 0x20)
		if c < 'a' {
			set = set.complement()
		}
		return 0, set, nil
	case charEscapes[c] != 0:
		ps.rest = ps.rest[1:]
		return charEscapes[c], nil, nil
	case c == 'x':
		m := hexGrammar.FindStringSubmatch(ps.rest)
		if m == nil {
			return 0, nil, errUndecided
		}
		ps.take(m[0])
		n, err := strconv.ParseUint(m[1]+m[2], 16, 32)
		if err != nil || n > unicode.MaxRune || 0xD800 <= n && n < 0xE000 {
			return 0, nil, errUndecided
		}
		return rune(n), nil, nil
	case c == 'p' || c == 'P':
		m := propGrammar.FindStringSubmatch(ps.rest)
		if m == nil || m[2] != "" {
			return 0, nil, errUndecided
		}
		table, ok := unicode.Categories[m[1]+m[3]]
		if !ok {
			table, ok = unicode.Scripts[m[1]+m[3]]
		}
		if !ok {
			return 0, nil, errUndecided
		}
		ps.take(m[0])
		set := tableRunes(table)
		if c == 'P' {
			set = set.complement()
		}
		return 0, set, nil
	case c < 0x80 && !('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z') && c != '<' && c != '>' && c > ' ':
		ps.rest = ps.rest[1:]
		return rune(c), nil, nil
	}
	return 0, nil, errUndecided
}

var referenceGrammar = regexp.MustCompile(`^(?:([1-9])|k<([A-Za-z_][A-Za-z0-9_]*)>)`)

// escape reads what follows a backslash outside a class.
func (ps *parser) escape() (*node, error) {
	if m := referenceGrammar.FindStringSubmatch(ps.rest); m != nil {
		ps.take(m[0])
		n := ps.node(reference)
		n.group, _ = strconv.Atoi(m[1])
		if m[2] != "" {
			n.group = ps.names[m[2]]
		}
		digit := ps.rest != "" && '0' <= ps.rest[0] && ps.rest[0] <= '9' && m[1] != ""
		if digit || n.group == 0 || n.group > ps.p.groups || ps.open[n.group] || ps.fold {
			return nil, errUndecided
		}
		ps.refs = append(ps.refs, n.group)
		ps.numbered = ps.numbered || m[1] != ""
		ps.fancy = true
		return n, nil
	}
	if ps.rest != "" && strings.IndexByte("bBAz", ps.rest[0]) >= 0 {
		n := ps.node(assertion)
		n.char = ps.next()
		ps.p.boundary = ps.p.boundary || n.char == 'b' || n.char == 'B'
		return n, nil
	}
	r, set, err := ps.charEscape()
	if err != nil {
		return nil, err
	}
	n := ps.node(literal)
	n.char = r
	if set != nil {
		n.kind, n.set = class, set
	}
	return n, nil
}
