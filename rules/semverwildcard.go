package rules

import (
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// wildcardMatcher matches the numbers before the first star of 1.2.*, or, for
// a text without a star, a requirement of the caret kind.
type wildcardMatcher struct {
	bound version
	given int // numbers that the text gives
	caret bool
}

// semverWildcard compiles 1.2.*, 1.*, 1.*.* and *, and texts without a star.
func semverWildcard(_ *compiler, v flagdef.Value) comparison {
	s, ok := valueOperand(v).string()
	if !ok {
		return constant(False)
	}
	s = strings.TrimSpace(strings.TrimPrefix(s, "v"))
	if requirementSyntax(s) {
		return undecidable(FilterValue, s)
	}
	m, state := parseWildcard(s)
	switch state {
	case noVersion:
		return constant(False)
	case hugeVersion:
		return undecidable(FilterValue, s)
	}
	return varies(&m, False)
}

// requirementSyntax reports whether s uses what Rust's version requirements
// know beyond stars, which the server may or may not pass on to them.
func requirementSyntax(s string) bool {
	if strings.ContainsAny(s, "<>=~^, ") {
		return true
	}
	for part := range strings.SplitSeq(s, ".") {
		if part == "x" || part == "X" {
			return true
		}
	}
	return false
}

func parseWildcard(s string) (m wildcardMatcher, state versionState) {
	if !strings.Contains(s, "*") {
		m.caret = true
		core, _, _ := strings.Cut(s, "-")
		core, _, _ = strings.Cut(core, "+")
		m.given = strings.Count(core, ".") + 1
		m.bound, state = parseVersion(s)
		return m, state
	}
	starred := false
	for i, part := range strings.Split(s, ".") {
		if i == len(m.bound.core) {
			return m, noVersion
		}
		if part == "*" {
			starred = true
			continue
		}
		if starred {
			return m, noVersion // a number behind a star
		}
		if m.bound.core[i], state = parseComponent(part); state != validVersion {
			return m, state
		}
		m.given = i + 1
	}
	return m, validVersion
}

func (m *wildcardMatcher) match(o operand, _ time.Time) Truth {
	v, ok := propertyVersion(o)
	if ok != True {
		return ok
	}
	if !preReleaseAllowed(v, m.bound) {
		return False
	}
	for i := range m.given {
		if v.core[i] == m.bound.core[i] {
			if m.caret && m.bound.core[i] != 0 {
				break // what follows the left-most number that is not zero may be higher
			}
			continue
		}
		return False
	}
	return truth(!m.caret || semverFrom(v, m.bound))
}
