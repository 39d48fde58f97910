package oracle

import "strings"

// equal is the operator exact. Its legacy form reads a boolean-like filter as
// a question of truthiness; its explicit form does that for [] only.
func equal(filter, property any, explicit bool) truth {
	elements, isList := filter.([]any)
	if boolean := booleanLike(filter); boolean && (!explicit || isList && len(elements) == 0) {
		return truthOf(truthy(filter) == truthy(property))
	}
	if !isList {
		return sameText(filter, property)
	}
	var results []truth
	for _, e := range elements {
		results = append(results, sameText(e, property))
	}
	return or(results)
}

func sameText(a, b any) truth {
	x, ok := text(a)
	y, ok2 := text(b)
	if !ok || !ok2 {
		return maybe
	}
	return truthOf(lower(x) == lower(y))
}

// booleanLike: a bool, its name, or a list of nothing else.
func booleanLike(v any) bool {
	switch v := v.(type) {
	case bool:
		return true
	case string:
		s := lower(v)
		return s == "true" || s == "false"
	case []any:
		for _, e := range v {
			if !booleanLike(e) {
				return false
			}
		}
		return true
	}
	return false
}

func truthy(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return lower(v) == "true"
	case []any:
		for _, e := range v {
			if !truthy(e) {
				return false
			}
		}
		return true
	}
	return false
}

// contains is the family of substring and affix operators, without their negations.
// They fold ASCII only.
func contains(op string, filter, property any) truth {
	needles := []any{filter}
	if l, ok := filter.([]any); ok && op == "icontains_multi" {
		needles = l
	}
	var results []truth
	for _, needle := range needles {
		n, ok := text(needle)
		p, ok2 := text(property)
		if !ok || !ok2 {
			results = append(results, maybe)
			continue
		}
		n, p = asciiLower(n), asciiLower(p)
		switch op {
		case "starts_with":
			results = append(results, truthOf(strings.HasPrefix(p, n)))
		case "ends_with":
			results = append(results, truthOf(strings.HasSuffix(p, n)))
		default:
			results = append(results, truthOf(strings.Contains(p, n)))
		}
	}
	return or(results)
}
