package regex

import (
	"strconv"
	"strings"
)

// references are the groups that back-references name.
type references struct {
	groups   map[int]bool
	numbered bool // one of them by its number
}

func (p *parser) numberedReference() *node {
	start := p.pos
	for p.more() && '0' <= p.peek() && p.peek() <= '9' {
		p.pos++
	}
	n, err := strconv.Atoi(p.s[start:p.pos])
	if err != nil {
		panic(Unjudged)
	}
	p.refs.numbered = true
	return p.reference(n)
}

func (p *parser) namedReference() *node {
	if !p.accept("<") {
		panic(Unjudged)
	}
	name, rest, ok := strings.Cut(p.s[p.pos:], ">")
	if !ok {
		panic(Unjudged)
	}
	p.pos = len(p.s) - len(rest)
	return p.reference(p.names[name])
}

// reference refers to a group that has ended: a group that refers to itself,
// or to a later one, means different things to different servers.
func (p *parser) reference(group int) *node {
	if group == 0 || group > len(p.ended) || !p.ended[group-1] {
		panic(Unjudged)
	}
	if p.refs.groups == nil {
		p.refs.groups = map[int]bool{}
	}
	p.refs.groups[group] = true
	return &node{op: opBackReference, group: group, fold: p.flags.fold}
}
