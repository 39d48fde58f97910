package engine

import (
	"encoding/json"
	"slices"

	"github.com/hogflags/hogflags/flagdef"
)

type catalog struct {
	Flags   []catalogFlag `json:"flags"`
	Minimal bool          `json:"minimal"` // slim $feature_flag_called events are asked for
}

type catalogFlag struct {
	Key        string   `json:"key"`
	Active     bool     `json:"active"`
	Continuity bool     `json:"continuity"` // answering it may make PostHog store something
	Runtime    string   `json:"runtime"`    // "" for every runtime
	Needs      []string `json:"needs"`      // keys of the flags that its filters name
}

// catalogOf describes the flags with these keys. Of those that share a key, which
// cannot be used, all that is true of one is said. A flag that cannot be used may be
// anything.
func catalogOf(defs *flagdef.Definitions, keys []string) []byte {
	c := catalog{Flags: make([]catalogFlag, len(keys)), Minimal: defs.MinimalFlagCalledEvents}
	at := make(map[string]int, len(keys))
	for i, key := range keys {
		at[key] = i
		c.Flags[i] = catalogFlag{Key: key, Needs: []string{}}
	}
	for i := range defs.Flags {
		f := &defs.Flags[i]
		entry := &c.Flags[at[f.Key]]
		entry.Active = entry.Active || f.Active || f.Problem != nil
		entry.Continuity = entry.Continuity || f.Continuity || f.Problem != nil
		if f.Runtime != "" && f.Runtime != "all" {
			entry.Runtime = f.Runtime
		}
		for _, key := range f.Dependencies() {
			if !slices.Contains(entry.Needs, key) {
				entry.Needs = append(entry.Needs, key)
			}
		}
	}
	text, _ := json.Marshal(c) // nothing in it refuses to be marshalled
	return text
}
