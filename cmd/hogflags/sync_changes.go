package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// changes says what differs between two documents.
type changes struct {
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
	Changed []string `json:"changed"`
	Shared  bool     `json:"shared"` // cohorts, group types or settings
}

func (c changes) String() string {
	var parts []string
	for _, part := range []struct {
		what string
		keys []string
	}{{"added", c.Added}, {"removed", c.Removed}, {"changed", c.Changed}} {
		if len(part.keys) > 0 {
			parts = append(parts, part.what+" "+strings.Join(part.keys, ", "))
		}
	}
	if c.Shared {
		parts = append(parts, "changed cohorts, group types or settings")
	}
	if len(parts) == 0 {
		return "changed in its layout only"
	}
	return strings.Join(parts, "; ")
}

// noChanges has empty lists, which JSON shows as such.
func noChanges() changes {
	return changes{Added: []string{}, Removed: []string{}, Changed: []string{}}
}

// compareDocuments says what differs between two documents that were parsed
// before. A nil one has no flags.
func compareDocuments(before, after []byte) changes {
	a, b := openDocument(before), openDocument(after)
	c := noChanges()
	c.Shared = a.shared != b.shared
	for _, key := range slices.Sorted(maps.Keys(b.flags)) {
		old, existed := a.flags[key]
		switch {
		case !existed:
			c.Added = append(c.Added, key)
		case old != b.flags[key]:
			c.Changed = append(c.Changed, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a.flags)) {
		if _, exists := b.flags[key]; !exists {
			c.Removed = append(c.Removed, key)
		}
	}
	return c
}

// documentParts are the parts of a document in one spelling each, so that
// blanks and the order of members do not count.
type documentParts struct {
	flags  map[string]string // by key
	shared string
}

func openDocument(body []byte) documentParts {
	parts := documentParts{flags: map[string]string{}}
	var members map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // 1.0 is not 1
	_ = dec.Decode(&members)
	flags, _ := members["flags"].([]any)
	for _, flag := range flags {
		if flag, ok := flag.(map[string]any); ok {
			if key, ok := flag["key"].(string); ok {
				parts.flags[key] += spell(flag) // keys may occur twice
			}
		}
	}
	delete(members, "flags")
	parts.shared = spell(members)
	return parts
}

func spell(v any) string {
	text, _ := json.Marshal(v) // what was decoded can be encoded
	return string(text)
}
