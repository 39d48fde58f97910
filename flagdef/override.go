package flagdef

import (
	"maps"
	"slices"
)

// Override is a value that a flag has for everybody.
type Override struct {
	Enabled bool
	Variant string // the variant's key; empty for none

	// Payload goes with the value. Nil: what the definitions have for it.
	Payload Value
}

// Override is a copy of d in which flags have fixed values, whatever their
// conditions and whoever is asked about. Flags that rest on them see that. A flag
// that d does not have is added.
func (d *Definitions) Override(overrides map[string]Override) *Definitions {
	out := *d
	out.Flags = slices.Clone(d.Flags)
	there := map[string]bool{}
	for i := range out.Flags {
		if o, ok := overrides[out.Flags[i].Key]; ok {
			there[out.Flags[i].Key] = true
			out.Flags[i] = o.flag(&out.Flags[i])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(overrides)) {
		if !there[key] {
			out.Flags = append(out.Flags, overrides[key].flag(&Flag{Key: key}))
		}
	}
	return &out
}

// flag is the flag that takes the place of another.
func (o Override) flag(old *Flag) Flag {
	f := Flag{
		Key: old.Key, ID: old.ID, Version: old.Version, Active: true, Aggregation: Person,
		HasExperiment: old.HasExperiment, ExperimentKnown: old.ExperimentKnown,
	}
	if !o.Enabled {
		return f // without conditions: off
	}
	f.Conditions = []Condition{{Percentage: 100, Variant: o.Variant, Aggregation: Person}}
	served := "true"
	if o.Variant != "" {
		served = o.Variant
		f.Variants = []Variant{{Key: o.Variant, Percentage: 100}}
	}
	payload := o.Payload
	if payload == nil && !old.EncryptedPayloads {
		payload = old.Payload(served)
	}
	if payload != nil {
		f.Payloads = []Payload{{Key: served, Value: payload}}
	}
	return f
}
