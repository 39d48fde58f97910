package rules

import "strings"

// parseRequirement reads a requirement. ok is false if it is none.
func parseRequirement(s string) (r requirement, ok bool) {
	const most = 32 // bounds
	s = strings.TrimLeft(s, " ")
	if rest, star := cutStar(s); star {
		// A star is the whole requirement, or none.
		return nil, strings.TrimLeft(rest, " ") == ""
	}
	for {
		p := boundParser{s: s}
		b, ok := p.bound()
		if !ok {
			return nil, false
		}
		r = append(r, b)
		if p.s == "" {
			return r, true
		}
		rest, comma := strings.CutPrefix(p.s, ",")
		if !comma || len(r) == most {
			return nil, false
		}
		s = strings.TrimLeft(rest, " ")
	}
}

// cutStar takes a star, in one of its three spellings, from the front.
func cutStar(s string) (rest string, ok bool) {
	if s != "" && (s[0] == '*' || s[0] == 'x' || s[0] == 'X') {
		return s[1:], true
	}
	return s, false
}

// boundParser reads a bound from the front of s.
type boundParser struct{ s string }

// boundSigns are the signs, longer ones first.
var boundSigns = []struct {
	sign string
	op   boundOp
}{
	{">=", greaterEqualBound},
	{"<=", lessEqualBound},
	{"=", exactBound},
	{">", greaterBound},
	{"<", lessBound},
	{"~", tildeBound},
	{"^", caretBound},
}

func (p *boundParser) bound() (b versionBound, ok bool) {
	signed := false
	for _, known := range boundSigns {
		if p.s, signed = strings.CutPrefix(p.s, known.sign); signed {
			b.op = known.op
			break
		}
	}
	p.s = strings.TrimLeft(p.s, " ")
	if !p.number(&b.bound.core[0]) {
		return b, false
	}
	b.given = 1
	starred := false
	for i := 1; i < 3 && p.char('.'); i++ {
		switch rest, star := cutStar(p.s); {
		case star:
			p.s, starred = rest, true
			if !signed {
				b.op = exactBound
			}
		case starred || !p.number(&b.bound.core[i]):
			return b, false
		default:
			b.given++
		}
	}
	if b.given == 3 && p.char('-') && !p.identifiers(&b.bound.pre, false) {
		return b, false
	}
	var build string // it is read and has no meaning
	if b.given == 3 && p.char('+') && !p.identifiers(&build, true) {
		return b, false
	}
	p.s = strings.TrimLeft(p.s, " ")
	return b, true
}

func (p *boundParser) char(c byte) bool {
	if p.s != "" && p.s[0] == c {
		p.s = p.s[1:]
		return true
	}
	return false
}

// number reads a number without leading zeros.
func (p *boundParser) number(n *uint64) bool {
	end := 0
	for end < len(p.s) && '0' <= p.s[end] && p.s[end] <= '9' {
		end++
	}
	digits := p.s[:end]
	p.s = p.s[end:]
	if len(digits) > 1 && digits[0] == '0' {
		return false
	}
	value, ok := parseComponent(digits)
	*n = value
	return ok
}

// identifiers reads a pre-release or a build.
func (p *boundParser) identifiers(to *string, build bool) bool {
	end := 0
	for end < len(p.s) && (p.s[end] == '.' || identifierByte(p.s[end])) {
		end++
	}
	*to, p.s = p.s[:end], p.s[end:]
	return validIdentifiers(*to, build)
}
