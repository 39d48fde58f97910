package regex

import (
	"strings"
	"unicode/utf8"
)

// group reads a group of any kind. It is nil for flags without a group.
func (p *parser) group() *node {
	p.pos++
	switch {
	case p.peek() == '*': // a verb such as (*FAIL), to newer servers
		panic(Unjudged)
	case !p.accept("?"):
		return p.capture("")
	case p.accept(":"):
		return p.closed(p.alternation())
	case p.accept(">"):
		return &node{op: opAtomic, subs: []*node{p.closed(p.alternation())}}
	case p.accept("="):
		return p.look(opLookAhead, false)
	case p.accept("!"):
		return p.look(opLookAhead, true)
	case p.accept("<="):
		return p.look(opLookBehind, false)
	case p.accept("<!"):
		return p.look(opLookBehind, true)
	case p.accept("P<"), p.accept("<"):
		return p.capture(p.groupName())
	default:
		return p.flagGroup()
	}
}

func (p *parser) closed(n *node) *node {
	if !p.accept(")") {
		panic(Broken)
	}
	return n
}

func (p *parser) capture(name string) *node {
	p.ended = append(p.ended, false)
	n := &node{op: opCapture, group: len(p.ended)}
	if name != "" {
		p.names[name] = n.group
	}
	n.subs = []*node{p.closed(p.alternation())}
	p.ended[n.group-1] = true
	return n
}

func (p *parser) groupName() string {
	name, rest, ok := strings.Cut(p.s[p.pos:], ">")
	if !ok || p.names[name] != 0 {
		panic(Unjudged)
	}
	for i := range len(name) {
		if c := name[i]; c >= utf8.RuneSelf || !isWord(rune(c)) {
			panic(Unjudged)
		}
	}
	if name == "" || '0' <= name[0] && name[0] <= '9' {
		panic(Unjudged)
	}
	p.pos = len(p.s) - len(rest)
	return name
}

func (p *parser) look(op op, negative bool) *node {
	body := p.closed(p.alternation())
	if op == opLookBehind {
		if _, fixed := body.width(); !fixed {
			panic(Unjudged) // only newer servers take it
		}
	}
	return &node{op: op, negative: negative, subs: []*node{body}}
}

// flagGroup reads (?i), (?i-s) or (?i:…).
func (p *parser) flagGroup() *node {
	outer := p.flags
	on, any := true, false
	for {
		if !p.more() {
			panic(Broken)
		}
		switch c := p.next(); c {
		case 'i':
			p.flags.fold, any = on, true
		case 'm':
			p.flags.multiline, any = on, true
		case 's':
			p.flags.dotAll, any = on, true
		case 'U':
			p.flags.swapGreed, any = on, true
		case '-':
			if !on {
				panic(Unjudged)
			}
			on, any = false, false
		case ':', ')':
			if !any {
				panic(Unjudged)
			}
			if c == ')' {
				if p.depth > 1 {
					panic(Unjudged) // to some servers they hold beyond the end of the group
				}
				return nil
			}
			body := p.closed(p.alternation())
			p.flags = outer
			return body
		default:
			panic(Unjudged)
		}
	}
}
