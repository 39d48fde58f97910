package oracle

import (
	"strings"
	"time"
)

// presence says what is known of a property.
type presence int8

const (
	unknown presence = iota // it may be stored, with any value, or not
	absent                  // known to be missing
	present
)

// seen is a property as an evaluator sees it.
type seen struct {
	presence presence
	value    any // if present
}

// setting is what operators need beside their two operands.
type setting struct {
	explicit bool           // property matching version 2
	zone     *time.Location // nil: not known
	now      time.Time      // zero: not known
}

// match applies the operator of a filter on a person's or a group's property.
// An operand that the server calls an error does not match.
func match(f filter, p seen, s setting) truth {
	op := f.operator
	if !knownOperators[op] {
		return maybe
	}
	switch op {
	case "is_set", "is_not_set":
		if p.presence == unknown {
			return maybe
		}
		return truthOf((p.presence == present) == (op == "is_set"))
	case "in", "not_in", "flag_evaluates_to":
		return no // meaningful on cohorts and flags only
	}
	if f.value == nil {
		return no
	}
	switch p.presence {
	case present:
		return matchPresent(op, f.value, p.value, s)
	case absent:
		return matchAbsent(op, f.value)
	}
	return agreed(matchAbsent(op, f.value), matchAny(op, f.value, s))
}

// matchPresent is the outcome for a property that has a value, null included.
func matchPresent(op string, filter, property any, s setting) truth {
	if older, newer, differ := spellings(filter); differ && comparesTexts(op) {
		olderProperty, newerProperty, _ := spellings(property)
		return agreed(matchPresent(op, older, olderProperty, s), matchPresent(op, newer, newerProperty, s))
	}
	switch op {
	case "exact":
		return equal(filter, property, s.explicit)
	case "is_not":
		return equal(filter, property, s.explicit).not()
	case "icontains", "icontains_multi", "starts_with", "ends_with",
		"not_icontains", "not_icontains_multi", "not_starts_with", "not_ends_with":
		bare := strings.TrimPrefix(op, "not_")
		return contains(bare, filter, property).negatedIf(bare != op)
	case "regex", "not_regex":
		return matchRegex(op == "not_regex", filter, property)
	case "gt", "gte", "lt", "lte":
		return compareNumbers(op, filter, property)
	case "between", "not_between":
		return between(op == "not_between", filter, property)
	case "is_date_exact", "is_date_after", "is_date_before":
		return compareDates(op, filter, property, s)
	}
	return compareVersions(strings.TrimPrefix(op, "semver_"), filter, property)
}

func comparesTexts(op string) bool {
	bare := strings.TrimPrefix(op, "not_")
	return op == "exact" || op == "is_not" || bare == "regex" || strings.HasPrefix(bare, "icontains") || strings.HasSuffix(bare, "s_with")
}

// matchAbsent is the outcome for a property that is known to be missing.
func matchAbsent(op string, filter any) truth {
	switch op {
	case "is_not", "not_icontains", "not_icontains_multi", "not_starts_with", "not_ends_with", "not_regex":
		return yes
	case "not_between":
		if _, _, ok := bounds(filter); !ok {
			return maybe // yes in the source, an error in the newer documents
		}
		return yes
	}
	return no
}

// matchAny is the outcome that all possible values of a property share.
func matchAny(op string, filter any, s setting) truth {
	switch op {
	case "icontains_multi", "not_icontains_multi":
		if l, ok := filter.([]any); ok && len(l) == 0 {
			return truthOf(op == "not_icontains_multi")
		}
	case "regex", "not_regex":
		if pattern, ok := text(filter); ok && judge(pattern) == broken {
			return no
		}
	case "gt", "gte", "lt", "lte":
		if f, ok := number(filter); !ok || noNumber(op, f) {
			return no
		}
	case "between", "not_between":
		if _, _, ok := bounds(filter); !ok {
			return no
		}
	case "is_date_exact", "is_date_after", "is_date_before":
		if readDate(filter, true, s).kind == noDate {
			return no
		}
	case "semver_tilde", "semver_caret", "semver_wildcard":
		if _, ok := requirement(strings.TrimPrefix(op, "semver_"), filter); !ok {
			return no
		}
	case "semver_eq", "semver_neq", "semver_gt", "semver_gte", "semver_lt", "semver_lte":
		if _, ok := readVersion(filter); !ok {
			return no
		}
	}
	return maybe
}

var knownOperators = setOf("exact", "is_not", "is_set", "is_not_set",
	"icontains", "not_icontains", "icontains_multi", "not_icontains_multi",
	"starts_with", "not_starts_with", "ends_with", "not_ends_with",
	"regex", "not_regex", "gt", "gte", "lt", "lte", "between", "not_between",
	"is_date_exact", "is_date_after", "is_date_before",
	"semver_eq", "semver_neq", "semver_gt", "semver_gte", "semver_lt", "semver_lte",
	"semver_tilde", "semver_caret", "semver_wildcard",
	"in", "not_in", "flag_evaluates_to")

func setOf(words ...string) map[string]bool {
	set := map[string]bool{}
	for _, w := range words {
		set[w] = true
	}
	return set
}
