package oracle

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
)

// floatGrammar is what Rust parses as a float: no blanks, no hex, no underscores.
var floatGrammar = regexp.MustCompile(`^[+-]?(?:(?i:inf|infinity|nan)|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)$`)

// number reads a JSON number or numeric text.
func number(v any) (float64, bool) {
	var s string
	switch v := v.(type) {
	case json.Number:
		s = v.String()
	case string:
		s = v
	default:
		return 0, false
	}
	if !floatGrammar.MatchString(s) {
		return 0, false
	}
	f, _ := strconv.ParseFloat(s, 64) // out of range is infinite, as in Rust
	return f, true
}

// compareNumbers is gt, gte, lt and lte. What is not a number is an error.
func compareNumbers(op string, filter, property any) truth {
	f, ok := number(filter)
	p, ok2 := number(property)
	if !ok || !ok2 {
		return no
	}
	switch op {
	case "gt":
		return truthOf(p > f)
	case "gte":
		return truthOf(p >= f)
	case "lt":
		return truthOf(p < f)
	}
	return truthOf(p <= f)
}

// noNumber says that no number at all is on the right side of f.
func noNumber(op string, f float64) bool {
	return math.IsNaN(f) || op == "gt" && math.IsInf(f, 1) || op == "lt" && math.IsInf(f, -1)
}

// bounds reads the filter of between: two numbers in order.
func bounds(filter any) (low, high float64, ok bool) {
	l := list(filter)
	if len(l) != 2 {
		return 0, 0, false
	}
	low, ok = number(l[0])
	high, ok2 := number(l[1])
	return low, high, ok && ok2 && low <= high // NaN fails here
}

// between includes both bounds. Malformed bounds and NaN match in neither form.
func between(negated bool, filter, property any) truth {
	low, high, ok := bounds(filter)
	p, ok2 := number(property)
	if ok && !ok2 && negated {
		return maybe // an error in the source, outside in the newer documents
	}
	if !ok || !ok2 || math.IsNaN(p) {
		return no
	}
	return truthOf(low <= p && p <= high).negatedIf(negated)
}
