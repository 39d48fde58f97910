package rules

import "slices"

// Traits are what is true of a flag whoever asks: by them a proxy of PostHog's
// tells which requests the rules can answer.
type Traits struct {
	Key        string
	Active     bool
	Continuity bool     // to answer for it may make the server store something
	Variants   bool     // it may be on with a variant
	Runtime    string   // "server" or "client"; empty: for both
	Unusable   bool     // it has a problem, and may be anything: all of the above
	Needs      []string // the keys of the flags that its filters name, each once
}

// Traits lists those of every flag, in the order of [Set.Keys].
func (s *Set) Traits() []Traits {
	all := make([]Traits, len(s.flags))
	for i := range s.flags {
		f := &s.flags[i]
		unusable := f.problem != nil
		t := Traits{
			Key: f.key, Active: f.active || unusable, Continuity: f.continuity || unusable, Variants: len(f.variants) > 0 || unusable, Unusable: unusable,
		}
		if f.runtime != "all" {
			t.Runtime = f.runtime
		}
		f.visit(func(filter *filter) {
			if filter.kind == flagFilter && !slices.Contains(t.Needs, filter.key) {
				t.Needs = append(t.Needs, filter.key)
			}
		})
		all[i] = t
	}
	return all
}
