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
	"sync/atomic"
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

// Pattern is a regular expression, safe for concurrent use. Its engines are
// built when it is first searched for, because most patterns of a document
// never are.
type Pattern struct {
	text   string
	engine atomic.Pointer[engine]
}

// engine is what runs a pattern.
type engine struct {
	simple *sequence      // nil if the pattern is more than that
	begins *opening       // nil if a match may begin anywhere
	linear *regexp.Regexp // nil if the pattern needs backtracking
	ascii  bool           // linear holds for ASCII subjects only
	prog   *program       // nil if linear always does, or if the pattern is too large
}

// Compile judges a pattern. The Pattern is nil unless the verdict is Usable.
func Compile(pattern string) (*Pattern, Verdict) {
	if !utf8.ValidString(pattern) || len(pattern) > maxPattern {
		return nil, Unjudged
	}
	if _, _, verdict := parse(pattern); verdict != Usable {
		return nil, verdict
	}
	return &Pattern{text: pattern}, Usable
}

// String is the pattern as it was written.
func (p *Pattern) String() string { return p.text }

// maxPattern bounds the length of a pattern that is looked at.
const maxPattern = 8 << 10

// shortSubject bounds the subjects that need no engine to be refused by a
// pattern that backtracks: in a long one the server may reach its limit while
// it tries an anchored pattern at every place.
const shortSubject = 1000

// Search looks for the pattern anywhere in s.
func (p *Pattern) Search(s string) Result {
	e := p.engine.Load()
	if e == nil {
		// Two searches may build it at a time, and one of them in vain; that is
		// better than one waiting for the other.
		e = build(p.text)
		p.engine.Store(e)
	}
	if e.simple != nil {
		if e.simple.search(s) {
			return Match
		}
		return NoMatch
	}
	if e.begins != nil && (e.linear != nil || len(s) <= shortSubject) && e.begins.refuses(s) {
		return NoMatch
	}
	if e.linear != nil && (!e.ascii || isASCII(s)) {
		if e.linear.MatchString(s) {
			return Match
		}
		return NoMatch
	}
	if e.prog == nil {
		return Undecided
	}
	return e.prog.search(s)
}

func build(pattern string) *engine {
	tree, groups, verdict := parse(pattern)
	if verdict != Usable {
		return &engine{}
	}
	e := &engine{simple: sequenceOf(tree)}
	if e.simple != nil {
		return e
	}
	e.begins = openingOf(tree)
	traits := traitsOf(tree)
	if !traits.fancy {
		// Go refuses some counted repetitions that the machine may still run.
		e.linear, _ = regexp.Compile(goSyntax(tree))
		e.ascii = traits.unicode
	}
	if e.linear == nil || e.ascii {
		e.prog = assemble(tree, groups)
	}
	return e
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
