// Package regex matches regular expressions in the dialect of PostHog's
// server, which is Rust's fancy_regex: Unicode-aware classes, look-around,
// back-references and atomic groups, under a limit on backtracking.
//
// A pattern is parsed once, here, into a tree of what the dialect means. What
// needs no backtracking runs on Go's regexp in linear time; the rest runs on
// a machine of this package that counts its steps and gives up, with
// Undecided, rather than take long. A pattern that uses a construct whose
// meaning is not certain is Unjudged: no guess is made.
package regex

import (
	"regexp"
	"unicode/utf8"
)

// Verdict says what a pattern is worth.
type Verdict uint8

// The verdicts on a pattern.
const (
	Usable   Verdict = iota
	Broken           // an error in every dialect, the server's included
	Unjudged         // it may mean something to the server, but not for certain what
)

// Result is the outcome of a search.
type Result uint8

// The results of a search. Undecided means that the search took too many steps.
const (
	NoMatch Result = iota
	Match
	Undecided
)

// Pattern is a compiled regular expression, safe for concurrent use.
type Pattern struct {
	linear *regexp.Regexp // nil if the pattern needs backtracking
	ascii  bool           // linear holds for ASCII subjects only
	tree   *node          // for the backtracking machine; nil if linear always does
	groups int
	prog   *program
}

// Compile parses a pattern. The Pattern is nil unless the verdict is Usable.
func Compile(pattern string) (*Pattern, Verdict) {
	if !utf8.ValidString(pattern) || len(pattern) > maxPattern {
		return nil, Unjudged
	}
	tree, groups, verdict := parse(pattern)
	if verdict != Usable {
		return nil, verdict
	}
	p := &Pattern{groups: groups}
	traits := traitsOf(tree)
	if !traits.fancy {
		// Go refuses some counted repetitions that the machine may still run.
		p.linear, _ = regexp.Compile(goSyntax(tree))
		p.ascii = traits.unicode
	}
	if p.linear == nil || p.ascii {
		p.prog = assemble(tree, groups)
	}
	if p.linear == nil && p.prog == nil {
		return nil, Unjudged
	}
	return p, Usable
}

// maxPattern bounds the length of a pattern that is looked at.
const maxPattern = 8 << 10

// Search looks for the pattern anywhere in s.
func (p *Pattern) Search(s string) Result {
	if p.linear != nil && (!p.ascii || isASCII(s)) {
		if p.linear.MatchString(s) {
			return Match
		}
		return NoMatch
	}
	if p.prog == nil {
		return Undecided
	}
	return p.prog.search(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
