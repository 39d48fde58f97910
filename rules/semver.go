package rules

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// version is a semantic version as the server reads it.
type version struct {
	core       [3]uint64
	pre, build string
}

// parseVersion reads a version leniently, as the server does: one leading v is
// dropped, blanks around it, and leading zeros; missing numbers are zero.
func parseVersion(s string) (v version, ok bool) {
	core, rest := splitVersion(trimVersion(s))
	n := 0
	for part := range strings.SplitSeq(core, ".") {
		if n == len(v.core) {
			return v, false
		}
		if v.core[n], ok = parseComponent(part); !ok {
			return v, false
		}
		n++
	}
	if strings.HasPrefix(rest, "-") {
		rest = rest[1:]
		v.pre = rest
		if i := strings.IndexByte(rest, '+'); i >= 0 {
			v.pre, rest = rest[:i], rest[i:]
		} else {
			rest = ""
		}
		if !validIdentifiers(v.pre, false) {
			return v, false
		}
	}
	if rest != "" {
		v.build = rest[1:]
		if !validIdentifiers(v.build, true) {
			return v, false
		}
	}
	return v, true
}

// trimVersion drops one leading v, and then the blanks around it.
func trimVersion(s string) string { return strings.TrimSpace(strings.TrimPrefix(s, "v")) }

// splitVersion splits a version before its pre-release or build.
func splitVersion(s string) (core, suffix string) {
	if i := strings.IndexAny(s, "-+"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// parseComponent reads one of a version's numbers, which has 64 bits.
func parseComponent(s string) (n uint64, ok bool) {
	if !allDigits(s) {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// validIdentifiers reports whether s is a list of identifiers joined by dots.
// Only a build may have numbers with leading zeros.
func validIdentifiers(s string, build bool) bool {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" || !build && len(id) > 1 && id[0] == '0' && allDigits(id) {
			return false
		}
		for i := range len(id) {
			if !identifierByte(id[i]) {
				return false
			}
		}
	}
	return true
}

func identifierByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-'
}

// compare orders versions by precedence, and then by build.
func (v version) compare(w version) int {
	return cmp.Or(v.compareCore(w), comparePre(v.pre, w.pre), compareBuild(v.build, w.build))
}

func (v version) compareCore(w version) int {
	return cmp.Or(cmp.Compare(v.core[0], w.core[0]), cmp.Compare(v.core[1], w.core[1]), cmp.Compare(v.core[2], w.core[2]))
}

// comparePre orders pre-releases. None is the greatest: it is the release.
func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	return compareIdentifiers(a, b, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
}

// compareBuild orders builds. Numbers with leading zeros follow the same
// number with fewer: 0, 00, 1, 01, 2.
func compareBuild(a, b string) int {
	return compareIdentifiers(a, b, func(a, b string) int {
		x, y := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y), cmp.Compare(len(a), len(b)))
	})
}

// compareIdentifiers compares one identifier after the other; numbers come
// before words, and a list before its continuations.
func compareIdentifiers(a, b string, numbers func(a, b string) int) int {
	for {
		x, restA, moreA := strings.Cut(a, ".")
		y, restB, moreB := strings.Cut(b, ".")
		numericX, numericY := x == "" || allDigits(x), y == "" || allDigits(y)
		var c int
		switch {
		case numericX && numericY:
			c = numbers(x, y)
		case numericX:
			c = -1
		case numericY:
			c = 1
		default:
			c = strings.Compare(x, y)
		}
		switch {
		case c != 0:
			return c
		case !moreA && !moreB:
			return 0
		case !moreA:
			return -1
		case !moreB:
			return 1
		}
		a, b = restA, restB
	}
}

// semverTest says whether a property's version satisfies a filter's.
type semverTest func(property, bound version) bool

func semverEq(v, w version) bool  { return v == w }
func semverNeq(v, w version) bool { return v != w }
func semverGt(v, w version) bool  { return v.compare(w) > 0 }
func semverGte(v, w version) bool { return v.compare(w) >= 0 }
func semverLt(v, w version) bool  { return v.compare(w) < 0 }
func semverLte(v, w version) bool { return v.compare(w) <= 0 }

type semverMatcher struct {
	test  semverTest
	bound version
}

func semantic(test semverTest) func(*compiler, flagdef.Value) comparison {
	return func(_ *compiler, v flagdef.Value) comparison {
		s, ok := valueOperand(v).string()
		if !ok {
			return constant(False)
		}
		bound, ok := parseVersion(s)
		if !ok {
			return constant(False)
		}
		return varies(&semverMatcher{test, bound}, False)
	}
}

func (m *semverMatcher) match(o operand, _ time.Time) Truth {
	v, ok := propertyVersion(o)
	if ok != True {
		return ok
	}
	return truth(m.test(v, m.bound))
}

// propertyVersion reads a property's version: False if it is none.
func propertyVersion(o operand) (version, Truth) {
	if o.kind == undefined {
		return version{}, Unknown
	}
	s, _ := o.string() // a text that is not settled is that of an object, or of 1e16: no version
	v, ok := parseVersion(s)
	return v, truth(ok)
}
