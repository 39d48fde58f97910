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

// catalogOf describes a document. A flag that cannot be used may be anything.
func catalogOf(defs *flagdef.Definitions) []byte {
	c := catalog{Flags: make([]catalogFlag, len(defs.Flags)), Minimal: defs.MinimalFlagCalledEvents}
	for i := range defs.Flags {
		f := &defs.Flags[i]
		runtime := f.Runtime
		if runtime == "all" {
			runtime = ""
		}
		c.Flags[i] = catalogFlag{
			Key: f.Key, Active: f.Active || f.Problem != nil, Continuity: f.Continuity || f.Problem != nil,
			Runtime: runtime, Needs: needs(f),
		}
	}
	text, _ := json.Marshal(c) // nothing in it refuses to be marshalled
	return text
}

func needs(f *flagdef.Flag) []string {
	keys := []string{}
	for i := range f.Conditions {
		for j := range f.Conditions[i].Filters {
			if filter := &f.Conditions[i].Filters[j]; filter.Type == "flag" && !slices.Contains(keys, filter.Key) {
				keys = append(keys, filter.Key)
			}
		}
	}
	return keys
}
