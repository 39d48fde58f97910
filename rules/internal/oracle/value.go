package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parse reads one JSON value and keeps numbers as they are written.
func parse(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("parse json: %w", err)
	}
	return v, nil
}

// object, list and word are v if it has that type, else the zero value.
func object(v any) map[string]any { m, _ := v.(map[string]any); return m }
func list(v any) []any            { l, _ := v.([]any); return l }
func word(v any) string           { s, _ := v.(string); return s }

// text is how the server prints a value where it needs one: a string as it is,
// anything else as compact JSON. Not settled for an object with several keys,
// whose order no source gives.
func text(v any) (s string, settled bool) {
	if s, ok := v.(string); ok {
		return strings.ToValidUTF8(s, "\ufffd"), true
	}
	return compact(v)
}

// spellings are the texts of a number to older and to newer servers if they
// differ, else the value itself.
func spellings(v any) (older, newer any, differ bool) {
	number, ok := v.(json.Number)
	if !ok {
		return v, v, false
	}
	s, settled := compact(number)
	if settled {
		return v, v, false
	}
	return s, strings.Replace(s, "e", "e+", 1), true
}

func compact(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "null", true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		s := numberText(v)
		return s, !strings.Contains(s, "e") || strings.Contains(s, "e-") // 1e16 is 1e+16 to newer servers
	case string:
		return quote(v), true
	case []any:
		parts := make([]string, len(v))
		settled := true
		for i, e := range v {
			s, ok := compact(e)
			parts[i], settled = s, settled && ok
		}
		return "[" + strings.Join(parts, ",") + "]", settled
	case map[string]any:
		for k, e := range v {
			if len(v) > 1 {
				return "", false
			}
			s, ok := compact(e)
			return "{" + quote(k) + ":" + s + "}", ok
		}
		return "{}", true
	}
	panic(fmt.Sprintf("oracle: %T is not a JSON value", v))
}

// quote escapes what JSON demands and nothing else.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// numberText prints a number after a trip through the server's JSON parser:
// an integer of 64 bits in decimal, everything else as a float64.
func numberText(n json.Number) string {
	s := n.String()
	if !strings.ContainsAny(s, ".eE") && s != "-0" {
		if i, ok := new(big.Int).SetString(s, 10); ok && (i.IsInt64() || i.IsUint64()) {
			return i.String()
		}
	}
	f, _ := strconv.ParseFloat(s, 64)
	return floatText(f)
}

// floatText prints a float64 as Rust's JSON writer does: the shortest digits,
// always with ".0" or an exponent, the exponent only below 1e-5 and from 1e16.
func floatText(f float64) string {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return "null"
	}
	sign := ""
	if math.Signbit(f) {
		sign, f = "-", -f
	}
	if f == 0 {
		return sign + "0.0"
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	digits := strings.Replace(mantissa, ".", "", 1)
	e, _ := strconv.Atoi(exponent)
	point := e + 1 // how many digits stand before the decimal point
	switch {
	case point > 16 || point <= -5:
		if len(digits) > 1 {
			digits = digits[:1] + "." + digits[1:]
		}
		return sign + digits + "e" + strconv.Itoa(e)
	case point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		return sign + digits + strings.Repeat("0", point-len(digits)) + ".0"
	}
	return sign + digits[:point] + "." + digits[point:]
}

// cut shortens an identifier to 200 Unicode scalars, as the server does
// when it reads a request.
func cut(id string) string {
	id = strings.ToValidUTF8(id, "\ufffd")
	if utf8.RuneCountInString(id) <= 200 {
		return id
	}
	return string([]rune(id)[:200])
}
