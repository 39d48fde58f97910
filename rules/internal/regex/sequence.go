package regex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// sequence is a pattern that is no more than single characters one after the
// other: "\\.com$", "^bot", "^[34]\\.". Such patterns are the most common
// ones, and need no engine.
type sequence struct {
	text       string // the characters, if all are literals
	nodes      []*node
	start, end bool // anchored at the start, at the end of the subject
}

// sequenceOf returns nil if a tree is not a sequence that can be searched for
// by itself: with a class, only an anchored one can.
func sequenceOf(tree *node) *sequence {
	s := &sequence{nodes: []*node{tree}}
	if tree.op == opConcat {
		s.nodes = tree.subs
	}
	if n := len(s.nodes); n > 0 && s.nodes[0].op == opTextStart {
		s.start, s.nodes = true, s.nodes[1:]
	}
	if n := len(s.nodes); n > 0 && s.nodes[n-1].op == opTextEnd {
		s.end, s.nodes = true, s.nodes[:n-1]
	}
	var text strings.Builder
	literal := true
	for _, n := range s.nodes {
		switch {
		case n.op == opLiteral && !n.fold:
			text.WriteRune(n.r)
		case n.op == opLiteral || n.op == opClass:
			literal = false
		default:
			return nil
		}
	}
	if literal {
		s.text, s.nodes = text.String(), nil
		return s
	}
	if !s.start {
		return nil
	}
	return s
}

func (s *sequence) search(subject string) bool {
	switch {
	case s.nodes != nil:
		return s.matchNodes(subject)
	case s.start && s.end:
		return subject == s.text
	case s.start:
		return strings.HasPrefix(subject, s.text)
	case s.end:
		return strings.HasSuffix(subject, s.text)
	default:
		return strings.Contains(subject, s.text)
	}
}

func (s *sequence) matchNodes(subject string) bool {
	for _, n := range s.nodes {
		if subject == "" {
			return false
		}
		r, width := utf8.DecodeRuneInString(subject)
		if !n.matches(r) {
			return false
		}
		subject = subject[width:]
	}
	return !s.end || subject == ""
}

// matches reports whether a literal or a class takes a character.
func (n *node) matches(r rune) bool {
	if n.op == opClass {
		return n.class.has(r, n.fold)
	}
	return r == n.r || n.fold && equalFold(r, n.r)
}

func equalFold(a, b rune) bool {
	for f := unicode.SimpleFold(a); f != a; f = unicode.SimpleFold(f) {
		if f == b {
			return true
		}
	}
	return false
}
