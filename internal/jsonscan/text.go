package jsonscan

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Unquote resolves a literal that was read: its escapes, and what is not Unicode as
// U+FFFD.
func Unquote(literal []byte) string {
	inner := literal[1 : len(literal)-1]
	if plain(inner) {
		return string(inner)
	}
	text := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); {
		r, size := utf8.DecodeRune(inner[i:])
		if r == '\\' {
			r, size = unescape(inner[i:])
		}
		text = utf8.AppendRune(text, r)
		i += size
	}
	return string(text)
}

// plain reports whether the inside of a literal stands for itself.
func plain(inner []byte) bool { return bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) }

// unescape is the character that text begins with as an escape, and how long that is.
func unescape(text []byte) (r rune, size int) {
	switch text[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default: // stands for itself
		return rune(text[1]), 2
	}
	r = hexadecimal(text[2:6])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
		if pair := utf16.DecodeRune(r, hexadecimal(text[8:12])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hexadecimal(digits []byte) (r rune) {
	for _, d := range digits {
		switch {
		case d <= '9':
			d -= '0'
		default:
			d = d&^('a'-'A') - 'A' + 10
		}
		r = r<<4 | rune(d)
	}
	return r
}

// AppendText writes a JSON string, with what is not UTF-8 as U+FFFD.
func AppendText(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, size := utf8.DecodeRuneInString(text[i:])
			b = utf8.AppendRune(b, r)
			i += size - 1
		}
	}
	return append(b, '"')
}
