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

// versionState says whether a text is a version.
type versionState uint8

const (
	validVersion versionState = iota
	noVersion
	hugeVersion // a number beyond 64 bits, of which it is not settled what it is
)

// parseVersion reads a version leniently, as the server does: one leading v is
// dropped, blanks around it, and leading zeros; missing numbers are zero.
func parseVersion(s string) (v version, state versionState) {
	s = strings.TrimSpace(strings.TrimPrefix(s, "v"))
	core, rest := s, ""
	if i := strings.IndexAny(s, "-+"); i >= 0 {
		core, rest = s[:i], s[i:]
	}
	n := 0
	for part := range strings.SplitSeq(core, ".") {
		if n == len(v.core) {
			return v, noVersion
		}
		number, state := parseComponent(part)
		if state != validVersion {
			return v, state
		}
		v.core[n] = number
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
			return v, noVersion
		}
	}
	if rest != "" {
		v.build = rest[1:]
		if !validIdentifiers(v.build, true) {
			return v, noVersion
		}
	}
	return v, validVersion
}

func parseComponent(s string) (uint64, versionState) {
	if !allDigits(s) {
		return 0, noVersion
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, hugeVersion
	}
	return n, validVersion
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
			switch c := id[i]; {
			case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-':
			default:
				return false
			}
		}
	}
	return true
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

// semverTilde allows a later patch.
func semverTilde(v, w version) bool {
	if v.core[0] != w.core[0] || v.core[1] != w.core[1] {
		return false
	}
	return semverFrom(v, w)
}

// semverCaret allows what leaves the left-most number that is not zero.
func semverCaret(v, w version) bool {
	for i := range w.core {
		if v.core[i] != w.core[i] {
			return false
		}
		if w.core[i] != 0 {
			break
		}
	}
	return semverFrom(v, w)
}

// semverFrom is v >= w, where a pre-release counts only if w is a pre-release
// of the same version.
func semverFrom(v, w version) bool {
	if !preReleaseAllowed(v, w) {
		return false
	}
	if c := v.compareCore(w); c != 0 {
		return c > 0
	}
	return comparePre(v.pre, w.pre) >= 0
}

func preReleaseAllowed(v, w version) bool {
	return v.pre == "" || w.pre != "" && v.core == w.core
}

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
		bound, state := parseVersion(s)
		switch state {
		case noVersion:
			return constant(False)
		case hugeVersion:
			return undecidable(FilterValue, s)
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
	s, ok := o.string()
	if !ok {
		return version{}, False
	}
	v, state := parseVersion(s)
	switch state {
	case hugeVersion:
		return v, Unknown
	case noVersion:
		return v, False
	}
	return v, True
}
