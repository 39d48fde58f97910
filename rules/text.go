package rules

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hogflags/hogflags/flagdef"
)

// appendFloat prints x as the server does: the shortest digits that read back
// as x, with a decimal point, or with an exponent below 1e-5. From 1e16 up the
// text is not settled: it is 1e16 to servers built before 2026, 1e+16 to later
// ones.
func appendFloat(b []byte, x float64) (_ []byte, ok bool) {
	var stack [32]byte
	s := strconv.AppendFloat(stack[:0], x, 'e', -1, 64) // d.ddde±dd
	if s[0] == '-' {
		b = append(b, '-')
		s = s[1:]
	}
	e := len(s) - 1
	for s[e] != 'e' {
		e--
	}
	exponent, _ := strconv.Atoi(string(s[e+1:]))
	digits := append(s[:1:1], s[min(2, e):e]...)
	point := exponent + 1 // position of the decimal point in digits
	switch {
	case x == 0:
		return append(b, "0.0"...), true
	case len(digits) <= point && point <= 16:
		b = append(b, digits...)
		for range point - len(digits) {
			b = append(b, '0')
		}
		return append(b, ".0"...), true
	case 0 < point && point <= 16:
		b = append(b, digits[:point]...)
		b = append(b, '.')
		return append(b, digits[point:]...), true
	case -5 < point && point <= 0:
		b = append(b, "0."...)
		for range -point {
			b = append(b, '0')
		}
		return append(b, digits...), true
	}
	b = append(b, digits[0])
	if len(digits) > 1 {
		b = append(b, '.')
		b = append(b, digits[1:]...)
	}
	b = append(b, 'e')
	return strconv.AppendInt(b, int64(exponent), 10), exponent < 0
}

// appendJSON prints an array or object as the server does: compact, escaping
// no more than JSON asks for. ok is false if the text is not settled, because
// the order of several members is not.
func appendJSON(b []byte, v flagdef.Value) (_ []byte, ok bool) {
	switch v.Kind() {
	case flagdef.String:
		return appendQuoted(b, v.Text()), true
	case flagdef.Array:
		b = append(b, '[')
		first := true
		for element := range v.Elements() {
			if !first {
				b = append(b, ',')
			}
			first = false
			if b, ok = appendJSON(b, element); !ok {
				return b, false
			}
		}
		return append(b, ']'), true
	case flagdef.Object:
		b = append(b, '{')
		members := 0
		for name, member := range v.Members() {
			if members++; members > 1 {
				return b, false
			}
			b = append(appendQuoted(b, name), ':')
			if b, ok = appendJSON(b, member); !ok {
				return b, false
			}
		}
		return append(b, '}'), true
	default:
		s, ok := valueOperand(v).string()
		return append(b, s...), ok
	}
}

func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			if c < ' ' {
				b = append(b, `\u00`...)
				b = append(b, hex[c>>4], hex[c&15])
			} else {
				b = append(b, c)
			}
		}
	}
	return append(b, '"')
}

// lowerText is the server's Unicode lower case, which exact comparison uses.
func lowerText(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return string(appendLower(nil, s))
		}
	}
	return s
}

// appendLower appends the lower case of s. It differs from strings.ToLower
// where Unicode's special casing does: İ becomes two characters, and a sigma at
// the end of a word becomes ς.
func appendLower(b []byte, s string) []byte {
	for i, r := range s {
		switch {
		case r < utf8.RuneSelf:
			b = append(b, lowerByte(byte(r)))
		case r == 'İ':
			b = append(b, "i̇"...)
		case r == 'Σ' && finalSigma(s, i):
			b = append(b, "ς"...)
		default:
			b = utf8.AppendRune(b, unicode.ToLower(r))
		}
	}
	return b
}

// finalSigma reports whether the sigma at s[i:] ends a word: a cased letter
// stands before it and none after it, ignoring marks and such in between.
func finalSigma(s string, i int) bool {
	before := false
	for head := s[:i]; head != ""; {
		r, n := utf8.DecodeLastRuneInString(head)
		if !caseIgnorable(r) {
			before = cased(r)
			break
		}
		head = head[:len(head)-n]
	}
	if !before {
		return false
	}
	for _, r := range s[i+len("Σ"):] {
		if !caseIgnorable(r) {
			return !cased(r)
		}
	}
	return true
}

func cased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Uppercase, unicode.Other_Lowercase)
}

func caseIgnorable(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) ||
		strings.ContainsRune("'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a", r)
}

// settledCase reports whether the lower case of s is the same under the
// Unicode of Go and under the later one that the server may have been built
// with. Go's does not know some capitals yet, and not of every character
// whether a sigma before or behind it is final.
func settledCase(s string) bool {
	if isASCII(s) {
		return true
	}
	sigma := strings.Contains(s, "Σ")
	for _, r := range s {
		if r >= utf8.RuneSelf && (unicode.Is(newCapitals, r) || sigma && (r == 'ʕ' || unicode.Is(unicode.Cn, r))) {
			return false
		}
	}
	return true
}

// newCapitals are the letters that have a lower case since Unicode 16 or 17.
var newCapitals = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1c89, 0x1c89, 1},
		{0xa7cb, 0xa7cc, 1},
		{0xa7ce, 0xa7d4, 2},
		{0xa7da, 0xa7dc, 2},
	},
	R32: []unicode.Range32{
		{0x10d50, 0x10d65, 1},
		{0x16ea0, 0x16eb8, 1},
	},
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// lowerASCII is the folding of the substring operators.
func lowerASCII(s string) string {
	if !hasUpperASCII(s) {
		return s
	}
	return string(appendLowerASCII(nil, s))
}

func appendLowerASCII(b []byte, s string) []byte {
	for i := range len(s) {
		b = append(b, lowerByte(s[i]))
	}
	return b
}

func hasUpperASCII(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		// What is added to the lower seven bits carries into the top one from A
		// on, or from behind Z on.
		x := word(s)
		low := x &^ tops
		if (low+ones*(0x80-'A'))&^(low+ones*(0x80-'Z'-1))&^x&tops != 0 {
			return true
		}
	}
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return true
		}
	}
	return false
}

func isASCII(s string) bool {
	var all uint64
	for ; len(s) >= 8; s = s[8:] {
		all |= word(s)
	}
	for i := range len(s) {
		all |= uint64(s[i])
	}
	return all&tops == 0
}

// Each byte of a word, and its top bit.
const ones, tops = 0x0101010101010101, 0x8080808080808080

// word is the first eight bytes of s. The compiler makes one load of it.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
