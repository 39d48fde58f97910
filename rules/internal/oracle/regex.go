package oracle

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// verdict is what can be said of a pattern before it meets a text.
type verdict int8

const (
	undecided    verdict = iota // the server may read it otherwise than this package
	broken                      // an error in every dialect
	linear                      // a regular language: Go's engine and the server's agree
	backtracking                // look-around, back-references, atomic groups
)

// fancyLimit is the server's bound on backtracking. The matcher here takes a step
// wherever the server may backtrack, and others: within the limit here is within it there.
const fancyLimit = 10_000

// judge reads a pattern without running it.
func judge(pattern string) verdict {
	_, v := parsePattern(pattern)
	return v
}

// matchRegex searches the property for the filter's pattern. A broken pattern
// matches in neither form.
func matchRegex(negated bool, filter, property any) truth {
	pattern, ok := text(filter)
	if !ok {
		return maybe
	}
	p, v := parsePattern(pattern)
	switch v {
	case undecided:
		return maybe
	case broken:
		return no
	}
	subject, ok := text(property)
	if !ok {
		return maybe
	}
	return p.search(subject, v == backtracking).negatedIf(negated)
}

// search prefers Go's engine where it knows the pattern: not beyond 1000
// repetitions, and not where a word boundary meets a letter beyond ASCII.
func (p *pattern) search(subject string, fancy bool) truth {
	if fancy {
		return p.backtrack(subject, fancyLimit)
	}
	if !p.boundary || isASCII(subject) {
		if re, err := regexp.Compile(p.goSyntax()); err == nil {
			return truthOf(re.MatchString(subject))
		}
	}
	return p.backtrack(subject, 1_000_000)
}

// SearchPattern searches a text by backtracking alone. It is not known what is
// found if dialects differ in the pattern, or if the search takes too long.
func SearchPattern(pattern, subject string) (found, known bool) {
	p, v := parsePattern(pattern)
	if v != linear && v != backtracking {
		return false, false
	}
	result := p.backtrack(subject, fancyLimit)
	return result == yes, result != maybe
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
