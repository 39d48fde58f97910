package oracle

import "strings"

// comparator is one requirement of Rust's semver: how many components are
// given, and how they are read.
type comparator struct {
	kind  string // "tilde", "caret", "wildcard"
	core  [3]uint64
	given int
	pre   string
}

// requirement reads the filter of tilde, caret and wildcard. Tilde and caret
// are padded to three components first, a wildcard is not.
func requirement(op string, filter any) (comparator, bool) {
	if op != "wildcard" {
		v, ok := readVersion(filter)
		return comparator{kind: op, core: v.core, given: 3, pre: v.pre}, ok
	}
	s, ok := versionText(filter)
	if !ok {
		return comparator{}, false
	}
	if !strings.Contains(s, "*") {
		return bareRequirement(s)
	}
	c := comparator{kind: "wildcard"}
	parts := strings.Split(s, ".")
	if len(parts) > 3 {
		return c, false
	}
	for i, part := range parts {
		if part == "*" {
			continue
		}
		n, ok := component(part)
		if !ok || c.given < i {
			return c, false // a number behind a star
		}
		c.core[i], c.given = n, i+1
	}
	return c, true
}

// mayBeRequirement reports whether a wildcard's text uses what Rust's semver
// reads beyond what is settled for the server: x for a star, operators, lists.
func mayBeRequirement(filter any) bool {
	s, _ := versionText(filter)
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

// bareRequirement is a text without a star: a caret of what is given.
func bareRequirement(s string) (comparator, bool) {
	core, pre, _, ok := splitVersion(s)
	parts := strings.Split(core, ".")
	c := comparator{kind: "caret", pre: pre, given: len(parts)}
	if !ok || len(parts) > 3 {
		return c, false
	}
	for i, part := range parts {
		if c.core[i], ok = component(part); !ok {
			return c, false
		}
	}
	return c, true
}

// matches admits a pre-release only if the requirement has one of the same version.
func (c comparator) matches(v version) bool {
	if v.pre != "" && (c.pre == "" || c.core != v.core) {
		return false
	}
	switch c.kind {
	case "tilde":
		return v.core[0] == c.core[0] && v.core[1] == c.core[1] && c.reached(v)
	case "wildcard":
		for i := range c.given {
			if v.core[i] != c.core[i] {
				return false
			}
		}
		return true
	}
	// Caret: everything up to the left-most component that is not zero is fixed.
	for i := range c.given {
		if v.core[i] != c.core[i] {
			return false
		}
		if c.core[i] != 0 {
			break
		}
	}
	return c.reached(v)
}

// reached says that v is not below the requirement; build metadata does not count.
func (c comparator) reached(v version) bool {
	v.build = ""
	return v.compare(version{core: c.core, pre: c.pre}) >= 0
}
