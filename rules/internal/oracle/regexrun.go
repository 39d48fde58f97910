package oracle

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// goSyntax prints a pattern without look-around and the like for Go's engine,
// every class written out.
func (p *pattern) goSyntax() string {
	var b strings.Builder
	p.root.print(&b)
	return b.String()
}

func (n *node) print(b *strings.Builder) {
	switch n.kind {
	case alternation:
		for i, sub := range n.subs {
			if i > 0 {
				b.WriteByte('|')
			}
			sub.print(b)
		}
	case sequence:
		for _, sub := range n.subs {
			sub.print(b)
		}
	case repetition:
		b.WriteString("(?:")
		n.subs[0].print(b)
		b.WriteString(")")
		if n.max < 0 {
			fmt.Fprintf(b, "{%d,}", n.min)
		} else {
			fmt.Fprintf(b, "{%d,%d}", n.min, n.max)
		}
	case capture, bare:
		b.WriteString("(?:")
		n.subs[0].print(b)
		b.WriteString(")")
	case literal, class:
		set := n.set
		if n.kind == literal {
			set = runes{{n.char, n.char}}
		}
		b.WriteString(flagged(n.fold, "i") + "[")
		if n.negated {
			b.WriteByte('^')
		}
		for _, p := range set {
			fmt.Fprintf(b, `\x{%x}-\x{%x}`, p[0], p[1])
		}
		b.WriteString("])")
	case dot:
		b.WriteString(flagged(n.dotAll, "s") + ".)")
	case assertion:
		switch n.char {
		case '^', '$':
			b.WriteString(flagged(n.multi, "m") + string(n.char) + ")")
		default:
			b.WriteString(`\` + string(n.char))
		}
	default:
		panic("oracle: not in Go's syntax")
	}
}

// flagged opens a group in which a flag is set or not.
func flagged(on bool, flag string) string {
	if on {
		return "(?" + flag + ":"
	}
	return "(?-" + flag + ":"
}

// matcher searches by backtracking and gives up after so many steps.
type matcher struct {
	subject  []rune
	captures [][2]int // by group, from and to; -1 where unset
	steps    int
}

// errLimit unwinds a search that takes too long.
type errLimit struct{}

// backtrack searches the subject, maybe if that takes more than limit steps.
func (p *pattern) backtrack(subject string, limit int) (result truth) {
	m := &matcher{subject: []rune(subject), steps: limit}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(errLimit); !ok {
				panic(r)
			}
			result = maybe
		}
	}()
	for start := range len(m.subject) + 1 {
		m.captures = slices.Repeat([][2]int{{-1, -1}}, p.groups+1)
		if m.match(p.root, start, func(int) bool { return true }) {
			return yes
		}
	}
	return no
}

// match tries n at i and goes on with then wherever n may end.
func (m *matcher) match(n *node, i int, then func(int) bool) bool {
	if m.steps--; m.steps < 0 {
		panic(errLimit{})
	}
	switch n.kind {
	case alternation:
		for _, sub := range n.subs {
			if m.match(sub, i, then) {
				return true
			}
		}
		return false
	case sequence:
		return m.sequence(n.subs, i, then)
	case repetition:
		if n.possessive {
			return m.once(func(then func(int) bool) bool { return m.repeat(n, 0, i, then) }, then)
		}
		return m.repeat(n, 0, i, then)
	case bare:
		return m.match(n.subs[0], i, then)
	case atomic:
		return m.once(func(then func(int) bool) bool { return m.match(n.subs[0], i, then) }, then)
	case capture:
		return m.match(n.subs[0], i, func(end int) bool {
			old := m.captures[n.group]
			m.captures[n.group] = [2]int{i, end}
			if then(end) {
				return true
			}
			m.captures[n.group] = old
			return false
		})
	case look:
		return m.look(n, i) != n.negated && then(i)
	case assertion:
		return m.holds(n, i) && then(i)
	case reference:
		c := m.captures[n.group]
		if c[0] < 0 || i+c[1]-c[0] > len(m.subject) || !slices.Equal(m.subject[c[0]:c[1]], m.subject[i:i+c[1]-c[0]]) {
			return false
		}
		return then(i + c[1] - c[0])
	}
	return i < len(m.subject) && n.admits(m.subject[i]) && then(i+1)
}

// once takes the first way to match and never another.
func (m *matcher) once(try func(func(int) bool) bool, then func(int) bool) bool {
	end := -1
	return try(func(e int) bool { end = e; return true }) && then(end)
}

func (m *matcher) sequence(subs []*node, i int, then func(int) bool) bool {
	if len(subs) == 0 {
		return then(i)
	}
	return m.match(subs[0], i, func(end int) bool { return m.sequence(subs[1:], end, then) })
}

func (m *matcher) repeat(n *node, done, i int, then func(int) bool) bool {
	more := func() bool {
		return (n.max < 0 || done < n.max) && m.match(n.subs[0], i, func(end int) bool {
			if end == i && done >= n.min && n.max < 0 {
				return then(end) // an empty round is the last of an endless repetition
			}
			return m.repeat(n, done+1, end, then)
		})
	}
	switch {
	case done < n.min:
		return more()
	case n.lazy:
		return then(i) || more()
	}
	return more() || then(i)
}

func (m *matcher) look(n *node, i int) bool {
	if !n.behind {
		return m.match(n.subs[0], i, func(int) bool { return true })
	}
	for start := i; start >= 0; start-- {
		if m.match(n.subs[0], start, func(end int) bool { return end == i }) {
			return true
		}
	}
	return false
}

// holds evaluates what matches between characters.
func (m *matcher) holds(n *node, i int) bool {
	atStart, atEnd := i == 0, i == len(m.subject)
	switch n.char {
	case '^':
		return atStart || n.multi && m.subject[i-1] == '\n'
	case '$':
		return atEnd || n.multi && m.subject[i] == '\n'
	case 'A':
		return atStart
	case 'z':
		return atEnd
	}
	words := perlClass('w')
	before := !atStart && words.has(m.subject[i-1])
	after := !atEnd && words.has(m.subject[i])
	return (before != after) == (n.char == 'b')
}

// admits says whether a literal, a class or a dot matches r.
func (n *node) admits(r rune) bool {
	switch n.kind {
	case dot:
		return n.dotAll || r != '\n'
	case literal:
		return r == n.char || n.fold && slices.Contains(orbit(r), n.char)
	}
	if !n.fold {
		return n.set.has(r) != n.negated
	}
	return slices.ContainsFunc(orbit(r), n.set.has) != n.negated
}

// orbit is r and whatever differs from it by case alone.
func orbit(r rune) []rune {
	result := []rune{r}
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		result = append(result, f)
	}
	return result
}
