package oracle

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode"
)

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// chance is true once in n times.
func chance(rng *rand.Rand, n int) bool { return rng.IntN(n) == 0 }

func num(v any) json.Number { return json.Number(fmt.Sprint(v)) }

// edges are values that operators trip over.
var edges = []any{nil, true, false, "", " ", "true", "FALSE", "null", "nan", "inf", "-0", "1e3", "0x10", "é", "ß", "İ", "Σας",
	num(0), num(1), num("1.0"), num(-1), num("1e3"), num("18446744073709551616"), num("0.1"),
	[]any{}, []any{"a"}, []any{true}, []any{num(1), "1"}, map[string]any{}, map[string]any{"a": num(1)}, map[string]any{"a": num(1), "b": num(2)}}

// provoke draws a value that the filters on a property care about: one that
// satisfies them, just misses them, or is of another type.
func provoke(rng *rand.Rand, filters []filter, now time.Time) any {
	if len(filters) == 0 || chance(rng, 8) {
		return pick(rng, edges...)
	}
	if chance(rng, 15) {
		return nil
	}
	f := pick(rng, filters...)
	v := f.value
	if l, ok := v.([]any); ok && len(l) > 0 && !chance(rng, 6) {
		v = pick(rng, l...)
	}
	switch {
	case strings.HasPrefix(f.operator, "is_date"):
		return nearDate(rng, v, now)
	case strings.HasPrefix(f.operator, "semver"):
		return nearVersion(rng, v)
	case strings.HasSuffix(f.operator, "regex"):
		if chance(rng, 3) {
			return pick(rng, subjects...)
		}
	}
	switch v := v.(type) {
	case string:
		if n, ok := number(v); ok && chance(rng, 2) {
			return nearNumber(rng, n)
		}
		return nearText(rng, v)
	case json.Number:
		n, _ := number(v)
		return nearNumber(rng, n)
	case bool:
		return pick[any](rng, v, !v, strconv.FormatBool(v), strings.ToUpper(strconv.FormatBool(v)), "banana", nil)
	}
	if chance(rng, 2) {
		return v
	}
	s, _ := text(v)
	return s
}

func nearText(rng *rand.Rand, s string) any {
	switch rng.IntN(9) {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return strings.Map(func(r rune) rune {
			if chance(rng, 2) {
				return unicode.ToLower(r)
			}
			return unicode.ToUpper(r)
		}, s)
	case 2:
		return s + pick(rng, " ", "x", ".com", "\n")
	case 3:
		return pick(rng, " ", "x", "un") + s
	case 4:
		if r := []rune(s); len(r) > 0 {
			return string(r[:len(r)-1])
		}
	case 5:
		return []any{s}
	}
	return s
}

func nearNumber(rng *rand.Rand, n float64) any {
	n += pick(rng, 0.0, 0, 0, 1, -1, 0.5, -0.5)
	s := strconv.FormatFloat(n, 'f', -1, 64)
	if strings.ContainsAny(s, "IN") {
		return s
	}
	return pick[any](rng, num(s), num(s), s, s, " "+s, s+".0")
}

func nearVersion(rng *rand.Rand, v any) any {
	s, _ := text(v)
	s = strings.ReplaceAll(s, "*", pick(rng, "0", "3", "9"))
	parts := strings.Split(s, ".")
	at := rng.IntN(len(parts))
	if n, err := strconv.Atoi(parts[at]); err == nil && n < 1e6 {
		parts[at] = strconv.Itoa(max(0, n+pick(rng, -1, 0, 0, 1)))
	}
	s = strings.Join(parts, ".")
	return pick[any](rng, s, s, s, s, "v"+s, s+"-alpha", s+"+build.7", s+".0", s+".1.2", "0"+s, " "+s, "V"+s, num(2), s+"-rc.01")
}

// nearDate is an instant or a wall clock close to a filter's.
func nearDate(rng *rand.Rand, v any, now time.Time) any {
	at := time.Date(2024, 3, 31, 1, 30, 0, 0, time.UTC)
	d := readDate(v, true, setting{now: now})
	switch d.kind {
	case instant, naive:
		at = d.at.UTC()
	case relative:
		at = d.before(now.UTC())
	}
	// Near misses, changes of a zone's offset, both ends of the offsets, and far away.
	shift := pick(rng, 0, 0, 0.0003, 0.5, 0.5, 1, 5, 11.5, 12, 13.5, 14, 27, 39, 41, 24*400) * pick(rng, 1.0, -1)
	at = at.Add(time.Duration(shift * float64(time.Hour)).Truncate(time.Second))
	switch rng.IntN(9) {
	case 0, 1:
		return at.Format(time.RFC3339)
	case 2:
		return at.Format("2006-01-02 15:04:05")
	case 3:
		return at.Format("2006-01-02")
	case 4:
		return at.Format("2006-1-2")
	case 5:
		return num(at.Unix())
	case 6:
		return strconv.FormatInt(at.Unix(), 10)
	case 7:
		return at.In(time.FixedZone("", -8*3600)).Format(time.RFC3339)
	}
	return pick[any](rng, oddDates...)
}

var oddDates = []any{"-3d", "1m", "2w", "never", "yesterday", "2024-02-30", "06/15/2024", "2024-06-15T12:00Z", "1s", "20240615", "", nil, true}

// identifier draws a distinct id, a device id or a group key.
func identifier(rng *rand.Rand) string {
	switch rng.IntN(12) {
	case 0:
		return pick(rng, "ünïcødé-😀", "a.b", "  ", "0", "null", "日本語")
	case 1:
		return strings.Repeat(pick(rng, "a", "é", "😀"), 199+rng.IntN(4)) + "tail"
	}
	return fmt.Sprintf("user-%d", rng.IntN(1000))
}
