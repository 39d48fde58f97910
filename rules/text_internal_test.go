package rules

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Texts are looked at eight bytes at a time; one byte at a time says the same.
func TestWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := strings.Repeat("a", rapid.IntRange(0, 20).Draw(t, "before"))
		s := plain + string(rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "bytes")) + plain
		upper := strings.ContainsFunc(s, func(r rune) bool { return 'A' <= r && r <= 'Z' })
		if got := hasUpperASCII(s); got != upper {
			t.Fatalf("hasUpperASCII(%q) = %v", s, got)
		}
		ascii := !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
		if got := isASCII(s); got != ascii {
			t.Fatalf("isASCII(%q) = %v", s, got)
		}
	})
}
