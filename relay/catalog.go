package relay

import "github.com/hogflags/hogflags/flagdef"

// catalog is what the relay needs to know of a document beside its rules, to
// tell which requests they can answer.
type catalog struct {
	// flags has every flag of the feed, with those that its filters name:
	// PostHog answers for them, too.
	flags      map[string][]string
	variants   map[string]bool // flags that have variants
	continuity bool            // an active flag has experience continuity
	runtimes   bool            // an active flag is for servers or for clients alone
}

func newCatalog(body []byte) catalog {
	defs, err := flagdef.Parse(body)
	if err != nil {
		return catalog{} // the loader has parsed it
	}
	c := catalog{
		flags:    make(map[string][]string, len(defs.Flags)),
		variants: map[string]bool{},
	}
	for i := range defs.Flags {
		f := &defs.Flags[i]
		c.flags[f.Key] = f.Dependencies()
		if len(f.Variants) > 0 {
			c.variants[f.Key] = true
		}
		if f.Active || f.Problem != nil {
			c.continuity = c.continuity || f.Continuity || f.Problem != nil
			c.runtimes = c.runtimes || f.Runtime != "" && f.Runtime != "all" || f.Problem != nil
		}
	}
	return c
}

// has reports whether the feed has a flag, active or not.
func (c *catalog) has(key string) bool {
	_, ok := c.flags[key]
	return ok
}

// withNeeds are the keys with all that they depend on, directly or not, each
// once.
func (c *catalog) withNeeds(keys []string) []string {
	all := make([]string, 0, len(keys))
	seen := make(map[string]struct{}, len(keys))
	add := func(keys []string) {
		for _, key := range keys {
			if _, ok := seen[key]; !ok {
				seen[key] = struct{}{}
				all = append(all, key)
			}
		}
	}
	add(keys)
	for i := 0; i < len(all); i++ {
		add(c.flags[all[i]])
	}
	return all
}
