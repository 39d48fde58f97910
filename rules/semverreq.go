package rules

import (
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// requirement is a list of bounds on a version, all of which have to hold, in
// the grammar of Rust's semver library, to which the server passes the values
// of semver_tilde, semver_caret and semver_wildcard. An empty list is "*".
type requirement []versionBound

// versionBound is one bound: a comparison with a version of which only the
// first numbers may be given.
type versionBound struct {
	op    boundOp
	bound version
	given int // how many of the three numbers are given
}

type boundOp uint8

const (
	caretBound boundOp = iota // also where there is no sign
	tildeBound
	exactBound // also 1.2.*
	lessBound
	lessEqualBound
	greaterBound
	greaterEqualBound
)

// requirementMatcher tests versions.
type requirementMatcher struct{ requirement requirement }

// semverRequirement compiles an operator whose value, spelled out by rewrite,
// is a requirement. A value that is none is an error at the server.
func semverRequirement(rewrite func(string) string) func(*compiler, flagdef.Value) comparison {
	return func(_ *compiler, v flagdef.Value) comparison {
		s, ok := valueOperand(v).string()
		if !ok {
			return constant(False) // an array, an object or 1e16: none of them is a version
		}
		r, ok := parseRequirement(rewrite(trimVersion(s)))
		if !ok {
			return constant(False)
		}
		return varies(&requirementMatcher{r}, False)
	}
}

func (m *requirementMatcher) match(o operand, _ time.Time) Truth {
	v, ok := propertyVersion(o)
	if ok != True {
		return ok
	}
	return truth(m.requirement.allows(v))
}

// tildeText and caretText put the sign before a version that is completed as a
// property's is.
func tildeText(s string) string { return "~" + completeVersion(s) }
func caretText(s string) string { return "^" + completeVersion(s) }

// wildcardText leaves the stars to supply what is missing, spelled x.
func wildcardText(s string) string { return strings.ReplaceAll(trimNumbers(s), "*", "x") }

func trimNumbers(s string) string {
	parts := strings.Split(s, ".")
	for i := range parts {
		parts[i] = trimZeros(parts[i])
	}
	return strings.Join(parts, ".")
}

// completeVersion drops the leading zeros of a version's numbers and adds the
// numbers that are missing.
func completeVersion(s string) string {
	core, suffix := splitVersion(s)
	core = trimNumbers(core)
	for range 2 - strings.Count(core, ".") {
		core += ".0"
	}
	return core + suffix
}

func trimZeros(number string) string {
	if !allDigits(number) {
		return number
	}
	if trimmed := strings.TrimLeft(number, "0"); trimmed != "" {
		return trimmed
	}
	return "0"
}

// allows reports whether a version satisfies the requirement. A pre-release
// does only if a bound is a pre-release of the same version.
func (r requirement) allows(v version) bool {
	released := v.pre == ""
	for _, b := range r {
		if !b.allows(v) {
			return false
		}
		released = released || b.given == 3 && b.bound.pre != "" && b.bound.core == v.core
	}
	return released
}

func (b versionBound) allows(v version) bool {
	switch b.op {
	case exactBound:
		return b.same(v)
	case lessBound:
		return b.order(v) < 0
	case lessEqualBound:
		return b.order(v) < 0 || b.same(v)
	case greaterBound:
		return b.order(v) > 0
	case greaterEqualBound:
		return b.order(v) > 0 || b.same(v)
	case tildeBound:
		return v.startsLike(b.bound, min(b.given, 2)) && b.from(v)
	default:
		leading := 0 // the numbers up to the left-most one that is not zero stay as they are
		for leading < b.given {
			leading++
			if b.bound.core[leading-1] != 0 {
				break
			}
		}
		return v.startsLike(b.bound, leading) && b.from(v)
	}
}

// startsLike reports whether the first n numbers are those of w.
func (v version) startsLike(w version, n int) bool {
	for i := range n {
		if v.core[i] != w.core[i] {
			return false
		}
	}
	return true
}

// same reports whether v has the numbers that are given, and the pre-release.
func (b versionBound) same(v version) bool {
	return v.startsLike(b.bound, b.given) && v.pre == b.bound.pre
}

// order is the order of v and the bound, as far as the bound goes. What follows
// 1.2 is neither above nor below it.
func (b versionBound) order(v version) int {
	for i := range b.given {
		switch {
		case v.core[i] < b.bound.core[i]:
			return -1
		case v.core[i] > b.bound.core[i]:
			return +1
		}
	}
	if b.given < 3 {
		return 0
	}
	return comparePre(v.pre, b.bound.pre)
}

// from is v >= the bound, with zeros for what is not given, once the numbers
// that have to be the same are. A pre-release is not below a bound without one
// here: whether it is allowed at all is for the requirement to say.
func (b versionBound) from(v version) bool {
	c := v.compareCore(b.bound)
	switch {
	case b.given < 3:
		return c >= 0
	case c != 0:
		return c > 0
	default:
		return comparePre(v.pre, b.bound.pre) >= 0
	}
}
