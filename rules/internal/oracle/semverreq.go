package oracle

import (
	"regexp"
	"strings"
)

// comparator is one bound of a requirement of Rust's semver: a sign, and a
// version of which only the first components may be given.
type comparator struct {
	sign  string // "" is a star: the components that are given have to be the same
	core  [3]uint64
	given int
	pre   string
}

var (
	comparatorGrammar = regexp.MustCompile(`^ *(>=|<=|[=><~^]|) *(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*|[*xX])(?:\.(0|[1-9][0-9]*|[*xX])(-[^+ ]*)?(\+[^ ]*)?)?)? *$`)
	starGrammar       = regexp.MustCompile(`^ *[*xX] *$`)
)

// requirement reads the filter of tilde, caret and wildcard. Tilde and caret
// are padded to three components first, a wildcard is not.
func requirement(op string, filter any) ([]comparator, bool) {
	s, ok := versionText(filter)
	if !ok {
		return nil, false
	}
	core, suffix := s, ""
	if i := strings.IndexAny(s, "-+"); i >= 0 && op != "wildcard" {
		core, suffix = s[:i], s[i:]
	}
	parts := strings.Split(core, ".")
	for i, part := range parts {
		if digits.MatchString(part) {
			parts[i] = strings.TrimLeft(part[:len(part)-1], "0") + part[len(part)-1:]
		}
	}
	for op != "wildcard" && len(parts) < 3 {
		parts = append(parts, "0")
	}
	s = map[string]string{"tilde": "~", "caret": "^"}[op] + strings.Join(parts, ".") + suffix
	if op == "wildcard" {
		s = strings.ReplaceAll(s, "*", "x")
	}
	if starGrammar.MatchString(s) {
		return nil, true
	}
	var all []comparator
	for one := range strings.SplitSeq(s, ",") {
		c, ok := readComparator(one)
		if !ok {
			return nil, false
		}
		all = append(all, c)
	}
	return all, len(all) <= 32
}

func readComparator(s string) (comparator, bool) {
	m := comparatorGrammar.FindStringSubmatch(s)
	if m == nil {
		return comparator{}, false
	}
	c := comparator{sign: m[1]}
	if c.sign == "" {
		c.sign = "^"
	}
	stars := 0
	for i, part := range m[2:5] {
		switch {
		case part == "":
			continue
		case strings.Contains("*xX", part):
			if stars++; m[1] == "" {
				c.sign = ""
			}
			continue
		}
		n, ok := component(part)
		if !ok || stars > 0 {
			return c, false
		}
		c.core[i], c.given = n, i+1
	}
	if m[5]+m[6] == "" {
		return c, true
	}
	pre, hasPre := strings.CutPrefix(m[5], "-")
	build, hasBuild := strings.CutPrefix(m[6], "+")
	c.pre = pre
	return c, c.given == 3 && (!hasPre || preGrammar.MatchString(pre)) && (!hasBuild || buildGrammar.MatchString(build))
}

// satisfies admits a pre-release only beside a comparator with one of the same version.
func (v version) satisfies(all []comparator) bool {
	admitted := v.pre == ""
	for _, c := range all {
		if !c.matches(v) {
			return false
		}
		admitted = admitted || c.given == 3 && c.pre != "" && c.core == v.core
	}
	return admitted
}

func (c comparator) matches(v version) bool {
	order := 0 // of what is given
	for i := 0; i < c.given && order == 0; i++ {
		if v.core[i] != c.core[i] {
			order = 1
			if v.core[i] < c.core[i] {
				order = -1
			}
		}
	}
	exact := order == 0 && v.pre == c.pre
	if c.given == 3 && order == 0 {
		order = comparePre(v.pre, c.pre)
	}
	switch c.sign {
	case "", "=":
		return exact
	case ">":
		return order > 0
	case "<":
		return order < 0
	case ">=":
		return order > 0 || exact
	case "<=":
		return order < 0 || exact
	}
	// Tilde and caret: not below what is given, and some leading components stay.
	if order < 0 {
		return false
	}
	fixed := min(c.given, 2)
	if c.sign == "^" {
		for fixed = 1; fixed < c.given && c.core[fixed-1] == 0; {
			fixed++
		}
	}
	for i := range fixed {
		if v.core[i] != c.core[i] {
			return false
		}
	}
	return true
}
