package oracle

import (
	"strings"
	"unicode"
)

// lower is Rust's to_lowercase: the full mapping of U+0130 and the Greek final
// sigma, which strings.ToLower does not know, and simple mappings otherwise.
func lower(s string) string {
	runes := []rune(s)
	var b strings.Builder
	for i, r := range runes {
		switch {
		case r == '\u0130':
			b.WriteString("i\u0307")
		case r == '\u03a3' && finalSigma(runes, i):
			b.WriteRune('\u03c2')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// finalSigma: a cased letter before it and none after, case-ignorable ones aside.
func finalSigma(runes []rune, at int) bool {
	before := false
	for i := at - 1; i >= 0; i-- {
		if !caseIgnorable(runes[i]) {
			before = cased(runes[i])
			break
		}
	}
	after := false
	for i := at + 1; i < len(runes); i++ {
		if !caseIgnorable(runes[i]) {
			after = cased(runes[i])
			break
		}
	}
	return before && !after
}

func cased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

func caseIgnorable(r rune) bool {
	return strings.ContainsRune("'.:^`\u00a8\u00ad\u00b7\u2018\u2019\u2024\u2027", r) ||
		unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}

// asciiLower leaves everything but A to Z alone.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
