package oracle

import "math/rand/v2"

// domain is what a property is usually about: the operators used on it and the
// values they compare with.
type domain struct {
	operators []any
	values    []any
}

var (
	texts = domain{
		[]any{"exact", "exact", "is_not", nil, "icontains", "not_icontains", "starts_with", "not_starts_with", "ends_with", "not_ends_with",
			"icontains_multi", "not_icontains_multi", "is_set", "is_not_set"},
		[]any{"pro", "Pro", "ENTERPRISE", "Ä-team", "a@example.com", "", " ", "null", "1", num(4), []any{"free", "Pro"}, []any{}, []any{"1", num(1)},
			[]any{nil}, nil, map[string]any{"a": num(1)}, "straße", "ΌΔΟΣ"},
	}
	booleans = domain{
		[]any{"exact", "exact", "is_not", nil, "icontains", "is_set"},
		[]any{true, false, "true", "FALSE", []any{"true"}, []any{"true", "false"}, []any{true, "PRO"}, []any{}, []any{[]any{true}, "True"}, num(1), nil},
	}
	numbers = domain{
		[]any{"gt", "gte", "lt", "lte", "between", "not_between", "exact", "is_not", "max"},
		[]any{num(0), num(5), num("5.5"), "10", "1e3", "inf", "nan", "-inf", "abc", num("1.0"), nil,
			[]any{num(1), num(10)}, []any{"5", "1e1"}, []any{num(10), num(1)}, []any{num(1)}, []any{"nan", num(2)}, []any{"-inf", "inf"}},
	}
	dates = domain{
		[]any{"is_date_after", "is_date_before", "is_date_exact", "is_date_after", "is_date_before", "exact"},
		[]any{"2024-06-01", "2024-06-01T00:00:00Z", "2024-06-01 08:30:00", "2024-6-1", "2025-12-31T23:59:59.5+05:30", "2024-03-31 02:30:00",
			"-7d", "3d", "24h", "-1m", "13m", "-1y", "2w", "0d", "-10000d", "1s", "yesterday", "never", "06/15/2024", "", num(20240601), nil},
	}
	versions = domain{
		[]any{"semver_eq", "semver_neq", "semver_gt", "semver_gte", "semver_lt", "semver_lte", "semver_tilde", "semver_caret", "semver_wildcard"},
		[]any{"1.2.3", "1.2", "v1.2.3", "1.02.3", "0.2.3", "0.0.3", "1.2.3-alpha.1", "1.2.3+build.5", "1.2.*", "1.*", "*", "1.*.3", "1.2.3.4", "x", num("1.5"), nil},
	}
	patterns = domain{
		[]any{"regex", "not_regex"},
		[]any{`^a+b$`, `\d+`, `^\w+$`, `\bfoo\b`, `(?i)PRO`, `foo(?!bar)`, `(?<=a)b`, `(\w)\1`, `(a`, `[z-a]`, `*`, `a{2,3}`, `a++b`, `(?x) a b`,
			`\Qa.b\E`, `[a&&b]`, `é.`, `^$`, `.`, `(?m)^b$`, `\x41`, `[^a-c]`, ``, num(4), nil, `(a+)+$`, `\p{Lu}`, `(?P<n>a)(?P=n)`},
	}
	// subjects are what patterns tell apart.
	subjects = []any{"aab", "ab", "12", "foo", "foobar", "foo bar", "PRO", "pro", "bb", "ab\nb", "é!", "٣", "naïve foo", "A", "", "aaaaaaaaaaaaaaaaaaaa!", num(4), nil}
)

var (
	personKeys = map[string]domain{"plan": texts, "email": texts, "beta": booleans, "age": numbers, "signup": dates, "seen": dates, "version": versions,
		"path": patterns, "$initial_referrer": texts, "$geoip_country_code": texts, "distinct_id": texts, "$device_id": texts}
	groupKeys = map[string]domain{"tier": texts, "seats": numbers, "since": dates, "$group_key": texts}
)

// some draws a few keys.
func some(rng *rand.Rand, from map[string]domain) []string {
	keys := sortedKeys(from)
	rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys[:1+rng.IntN(min(4, len(keys)))]
}

// property draws a filter on one of the keys; now and then on values of another domain.
func (g *generator) property(keys []string, domains map[string]domain) fields {
	key := pick(g.rng, keys...)
	d := domains[key]
	values := d
	if chance(g.rng, 10) {
		values = pick(g.rng, texts, booleans, numbers, dates, versions, patterns)
	}
	f := fields{"key": key, "type": "person", "operator": pick(g.rng, d.operators...), "value": pick(g.rng, values.values...)}
	if chance(g.rng, 30) {
		f["operator"] = pick[any](g.rng, "in", "is_cool", "")
	}
	if chance(g.rng, 20) {
		delete(f, "value")
	}
	return f
}
