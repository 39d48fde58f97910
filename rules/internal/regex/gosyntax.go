package regex

import (
	"regexp"
	"strconv"
	"strings"
)

// goSyntax writes a tree without fancy parts as a pattern of Go's regexp. \d,
// \s and \w are written as their ASCII parts, so that where a tree has the
// unicode trait, the result is right for ASCII subjects only.
func goSyntax(n *node) string {
	var b strings.Builder
	writeGo(&b, n)
	return b.String()
}

func writeGo(b *strings.Builder, n *node) {
	switch n.op {
	case opEmpty:
	case opLiteral:
		quoted := regexp.QuoteMeta(string(n.r))
		if n.fold {
			quoted = "(?i:" + quoted + ")"
		}
		b.WriteString(quoted)
	case opClass:
		writeGoClass(b, n.class, n.fold)
	case opConcat:
		for _, sub := range n.subs {
			writeGo(b, sub)
		}
	case opAlternate:
		b.WriteString("(?:")
		for i, sub := range n.subs {
			if i > 0 {
				b.WriteByte('|')
			}
			writeGo(b, sub)
		}
		b.WriteByte(')')
	case opRepeat:
		b.WriteString("(?:")
		writeGo(b, n.subs[0])
		b.WriteByte(')')
		switch {
		case n.max < 0:
			b.WriteString("{" + strconv.Itoa(n.min) + ",}")
		case n.max == n.min:
			b.WriteString("{" + strconv.Itoa(n.min) + "}")
		default:
			b.WriteString("{" + strconv.Itoa(n.min) + "," + strconv.Itoa(n.max) + "}")
		}
	case opCapture: // whether there is a match does not depend on what is captured
		b.WriteString("(?:")
		writeGo(b, n.subs[0])
		b.WriteByte(')')
	case opTextStart:
		b.WriteString(`\A`)
	case opTextEnd:
		b.WriteString(`\z`)
	case opLineStart:
		b.WriteString(`(?m:^)`)
	case opLineEnd:
		b.WriteString(`(?m:$)`)
	}
}

func writeGoClass(b *strings.Builder, c *class, fold bool) {
	if len(c.ranges)+len(c.perl)+len(c.tables) == 0 {
		b.WriteString(`(?s:.)`) // the only such class is the negated one of a dot
		return
	}
	if fold {
		b.WriteString("(?i:")
	}
	b.WriteByte('[')
	if c.negated {
		b.WriteByte('^')
	}
	ranges := c.ranges
	for _, p := range c.perl {
		if p.negated {
			ranges = append(ranges[:len(ranges):len(ranges)], complement(p.ascii())...)
		} else {
			ranges = append(ranges[:len(ranges):len(ranges)], p.ascii()...)
		}
	}
	for _, r := range ranges {
		b.WriteString(hex(r.lo) + "-" + hex(r.hi))
	}
	for _, t := range c.tables {
		letter := "p"
		if t.negated {
			letter = "P"
		}
		b.WriteString(`\` + letter + "{" + t.name + "}")
	}
	b.WriteByte(']')
	if fold {
		b.WriteByte(')')
	}
}

func hex(r rune) string { return `\x{` + strconv.FormatInt(int64(r), 16) + "}" }
