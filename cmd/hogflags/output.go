package main

import (
	"encoding/json"
	"io"
	"unicode/utf8"
)

// abbreviate cuts text to at most n characters.
func abbreviate(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// writeJSON writes v for a person or a program: indented, one document.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
