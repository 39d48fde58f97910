package engine

import (
	"slices"

	"github.com/hogflags/hogflags/flagdef"
)

type catalog struct {
	Flags   []catalogFlag
	Minimal bool // slim $feature_flag_called events are asked for
}

type catalogFlag struct {
	Key        string
	Active     bool
	Continuity bool     // answering it may make PostHog store something
	Runtime    string   // "" for every runtime
	Needs      []string // keys of the flags that its filters name
}

func (c *catalog) json() []byte {
	return object(nil, func(o *members) {
		o.list("flags", len(c.Flags), func(b []byte, i int) []byte {
			f := &c.Flags[i]
			return object(b, func(o *members) {
				o.text("key", f.Key)
				o.flag("active", f.Active)
				o.flag("continuity", f.Continuity)
				o.text("runtime", f.Runtime)
				o.texts("needs", f.Needs)
			})
		})
		o.flag("minimal", c.Minimal)
	})
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
	return c.json()
}
