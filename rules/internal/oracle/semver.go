package oracle

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// version is a semantic version with its suffixes as written.
type version struct {
	core       [3]uint64
	pre, build string
}

var (
	preGrammar   = regexp.MustCompile(`^(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*$`)
	buildGrammar = regexp.MustCompile(`^[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*$`)
	digits       = regexp.MustCompile(`^[0-9]+$`)
)

// readVersion normalises as the server does: one leading v off, blanks off, zeros
// off, missing components zero. Then the strict grammar decides.
func readVersion(v any) (version, bool) {
	s, ok := versionText(v)
	if !ok {
		return version{}, false
	}
	core, pre, build, ok := splitVersion(s)
	if !ok {
		return version{}, false
	}
	parts := strings.Split(core, ".")
	if len(parts) > 3 {
		return version{}, false
	}
	result := version{pre: pre, build: build}
	for i, part := range parts {
		if result.core[i], ok = component(part); !ok {
			return version{}, false
		}
	}
	return result, true
}

func versionText(v any) (string, bool) {
	s, ok := text(v)
	return strings.TrimSpace(strings.TrimPrefix(s, "v")), ok
}

// splitVersion cuts off the pre-release and the build metadata.
func splitVersion(s string) (core, pre, build string, ok bool) {
	s, build, hasBuild := strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(s, "-")
	if hasPre && !preGrammar.MatchString(pre) || hasBuild && !buildGrammar.MatchString(build) {
		return "", "", "", false
	}
	return core, pre, build, true
}

func component(s string) (uint64, bool) {
	if !digits.MatchString(s) {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

// compareVersions is the semver family; op has no prefix. Properties that are no
// versions do not match, not even neq; a filter that is none is an error.
func compareVersions(op string, filter, property any) truth {
	if op == "tilde" || op == "caret" || op == "wildcard" {
		r, ok := requirement(op, filter)
		p, ok2 := readVersion(property)
		return truthOf(ok && ok2 && p.satisfies(r))
	}
	f, ok := readVersion(filter)
	p, ok2 := readVersion(property)
	if !ok || !ok2 {
		return no
	}
	order := p.compare(f)
	switch op {
	case "eq":
		return truthOf(order == 0)
	case "neq":
		return truthOf(order != 0)
	case "gt":
		return truthOf(order > 0)
	case "gte":
		return truthOf(order >= 0)
	case "lt":
		return truthOf(order < 0)
	}
	return truthOf(order <= 0)
}

// compare orders by precedence, then by build metadata.
func (v version) compare(w version) int {
	for i := range v.core {
		if c := cmp.Compare(v.core[i], w.core[i]); c != 0 {
			return c
		}
	}
	return cmp.Or(comparePre(v.pre, w.pre), compareSuffix(v.build, w.build))
}

// comparePre puts a release above its pre-releases.
func comparePre(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(b), len(a))
	}
	return compareSuffix(a, b)
}

// compareSuffix goes identifier by identifier: numbers below words, among numbers
// the greater value, then the more leading zeros (only build metadata has any).
func compareSuffix(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(a), len(b))
	}
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; i < len(as) && i < len(bs); i++ {
		an, bn := digits.MatchString(as[i]), digits.MatchString(bs[i])
		switch {
		case an && !bn:
			return -1
		case !an && bn:
			return 1
		case !an:
			if c := cmp.Compare(as[i], bs[i]); c != 0 {
				return c
			}
		default:
			x, y := strings.TrimLeft(as[i], "0"), strings.TrimLeft(bs[i], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y), cmp.Compare(len(as[i]), len(bs[i]))); c != 0 {
				return c
			}
		}
	}
	return cmp.Compare(len(as), len(bs))
}
