package relay

import "github.com/hogflags/hogflags/rules"

// catalog is what the relay needs to know of rules, beside their answers, to tell
// which requests they can answer.
type catalog struct {
	// flags has every flag of the feed, with those that its filters name:
	// PostHog answers for them, too.
	flags      map[string][]string
	variants   map[string]bool // flags that may have variants
	continuity bool            // an active flag has experience continuity
	runtimes   bool            // an active flag is for servers or for clients alone
}

func newCatalog(set *rules.Set) catalog {
	c := catalog{flags: make(map[string][]string, set.Len()), variants: map[string]bool{}}
	for _, t := range set.Traits() {
		c.flags[t.Key] = t.Needs
		if t.Variants {
			c.variants[t.Key] = true
		}
		c.continuity = c.continuity || t.Active && t.Continuity
		c.runtimes = c.runtimes || t.Active && (t.Runtime != "" || t.Unusable)
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
