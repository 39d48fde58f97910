package codegen

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// identifier makes an exported Go identifier of any text: the letters and
// digits of it, each run of them with a capital. prefix goes before what could
// not stand at the beginning. It is empty if there is nothing to make one of.
func identifier(text, prefix string) string {
	var b strings.Builder
	start := true
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			start = true
			continue
		}
		if start {
			r = unicode.ToUpper(r)
		}
		start = false
		b.WriteRune(r)
	}
	id := b.String()
	if first, _ := utf8.DecodeRuneInString(id); id != "" && !unicode.IsUpper(first) {
		return prefix + id // a digit, or a letter of a script without capitals
	}
	return id
}

// mark tells apart what would have the same name. It goes by the text alone, so
// that no name changes its meaning when another text comes or goes; and no
// identifier made of a text has an underscore.
func mark(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "_" + hex.EncodeToString(sum[:3])
}

// named gives each text an identifier of its own: those that share one, or use
// one that is reserved, are all marked.
func named(texts []string, prefix string, reserved ...string) map[string]string {
	count := map[string]int{"": 2}
	for _, r := range reserved {
		count[r] = 1
	}
	for _, t := range unique(texts) {
		count[identifier(t, prefix)]++
	}
	names := map[string]string{}
	for _, t := range texts {
		id := identifier(t, prefix)
		if count[id] > 1 {
			if id == "" {
				id = prefix
			}
			id += mark(t)
		}
		names[t] = id
	}
	return names
}

func unique(texts []string) []string {
	sorted := slices.Clone(texts)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
