package flagdef

// Flag is one feature flag as the document defines it.
type Flag struct {
	Key     string
	ID      int64 // 0 if the document does not say
	Version int64 // 0 if the document does not say

	Active        bool // an inactive flag is listed, and is off
	Deleted       bool
	HasExperiment bool

	// ExperimentKnown says that the document tells whether there is an
	// experiment; older servers do not.
	ExperimentKnown bool

	// Continuity is ensure_experience_continuity: the server may hash another
	// identifier than the distinct id, one that it has stored.
	Continuity bool

	// EncryptedPayloads says that the payloads are not readable here.
	EncryptedPayloads bool

	// ByDevice says that person conditions hash the device id
	// (bucketing_identifier is "device_id").
	ByDevice bool

	Runtime     string   // "server", "client", "all", or "" for all
	Contexts    []string // evaluation contexts; none: the flag is for every context
	MatchAll    bool     // every context is needed rather than one (evaluation_contexts_match_mode is not "any")
	Aggregation int      // group type index of the flag, or Person

	FeatureEnrollment bool // early access is decided by $feature_enrollment/<key>
	EarlyExit         bool // the first condition that matches decides, in or out of its rollout
	Holdout           *Holdout
	Conditions        []Condition
	Variants          []Variant
	Payloads          []Payload // those that are not null

	// Problem is why the flag cannot be evaluated, nil if it can.
	Problem *Problem
}

// Person is the aggregation of a flag or condition about persons, as opposed
// to the index of a group type.
const Person = -1

// Holdout keeps a share of the subjects out of an experiment.
type Holdout struct {
	ID         int64
	Percentage float64 // not clamped
}

// Payload is what a flag carries for one of its values.
type Payload struct {
	Key   string // a variant's key, "true", or "holdout-<id>"
	Value Value  // as stored: usually a string with JSON in it
}

// Payload returns the payload of a key, nil if there is none.
func (f *Flag) Payload(key string) Value {
	for i := len(f.Payloads) - 1; i >= 0; i-- { // of equal keys, the last counts
		if f.Payloads[i].Key == key {
			return f.Payloads[i].Value
		}
	}
	return nil
}

// Variant is one variant of a multivariate flag.
type Variant struct {
	Key        string
	Percentage float64
}

// Condition is one condition set: filters that all must match, and a rollout.
type Condition struct {
	Filters     []Filter
	Percentage  float64 // 100 if the document does not say
	Variant     string  // the pinned variant's key, "" for none
	Aggregation int     // group type index, or Person; the flag's unless the condition has its own

	ownAggregation bool
}
