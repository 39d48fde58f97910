package rules

import (
	"encoding/json"
	"strconv"
)

// Status says what kind of answer an [Answer] is.
type Status uint8

// The kinds of answers.
const (
	NotFound     Status = iota // no such flag, or it is not for this runtime or context
	Decided                    // proven to be the server's answer
	Inconclusive               // not decidable from what is known; see Answer.Missing
)

var statusNames = [...]string{"not found", "decided", "inconclusive"}

// String is "not found", "decided" or "inconclusive".
func (s Status) String() string { return statusNames[s] }

// Reason is why a decided flag has its value, as the server would put it.
type Reason uint8

// The reasons. ReasonNone stands for a reason that is not the same in every
// possible world, though the value is.
const (
	ReasonNone Reason = iota
	ReasonNoGroupType
	ReasonNoConditionMatch
	ReasonOutOfRollout
	ReasonConditionMatch
	ReasonHoldout
	ReasonSuperCondition
	ReasonFlagDisabled
	ReasonMissingDependency
)

var reasonNames = [...]string{
	"", "no_group_type", "no_condition_match", "out_of_rollout_bound", "condition_match",
	"holdout_condition_value", "super_condition_value", "flag_disabled", "missing_dependency",
}

// String is the server's code of the reason ("condition_match"), or "" for
// ReasonNone.
func (r Reason) String() string { return reasonNames[r] }

// Answer is the outcome of evaluating one flag. It is a value: it does not
// change, and it may be kept and copied.
type Answer struct {
	Status  Status
	Enabled bool   // on; false unless Decided
	Variant string // the variant's key, "" for none

	Reason         Reason
	ConditionIndex int // 0-based; -1 if there is none or it differs between possible worlds

	// Missing lists what would decide an inconclusive flag. It is nil for
	// every other answer.
	Missing []Missing

	value int16  // index into the flag's values
	flag  *flag  // nil if there is no such flag
	key   string // if there is no such flag
}

// Absent is the answer for a key that no definitions have.
func Absent(key string) Answer { return Answer{key: key, ConditionIndex: -1} }

// Key is the flag's key, also of a flag that was not found.
func (a Answer) Key() string {
	if a.flag == nil {
		return a.key
	}
	return a.flag.key
}

// Place tells a flag and its value by number: flag is the place of the flag in
// [Set.Keys], -1 if there is no such flag, and value counts its values. Decided
// answers of one Set that have the same Place, Reason and ConditionIndex are the
// same answer.
func (a Answer) Place() (flag, value int) {
	if a.flag == nil {
		return -1, 0
	}
	return int(a.flag.place), int(a.value)
}

// Value is the flag's value as PostHog's SDKs give it: false, true (on without
// a variant), or the variant's key. It is nil unless the answer is Decided.
func (a Answer) Value() any {
	switch {
	case a.Status != Decided:
		return nil
	case a.Variant != "":
		return a.Variant
	default:
		return a.Enabled
	}
}

// Payload is the JSON stored for the served value, usually a JSON string with
// JSON in it. It is nil if there is none, or if it is not known.
func (a Answer) Payload() json.RawMessage {
	if !a.PayloadKnown() || a.flag.values[a.value].payload == "" {
		return nil
	}
	return json.RawMessage(a.flag.values[a.value].payload)
}

// PayloadKnown reports whether Payload is what the server would send. It is
// not for a flag with encrypted payloads, and for an answer that is not
// Decided.
func (a Answer) PayloadKnown() bool {
	return a.Status == Decided && !(a.flag.encrypted && a.Enabled)
}

// Description is the server's text for the reason: "Matched condition set 1".
func (a Answer) Description() string {
	switch a.Reason {
	case ReasonConditionMatch:
		if a.ConditionIndex < 0 {
			return "Matched a condition set"
		}
		return "Matched condition set " + strconv.Itoa(a.ConditionIndex+1)
	case ReasonSuperCondition:
		return "Super condition value"
	case ReasonHoldout:
		return "Holdout condition value"
	case ReasonOutOfRollout:
		return "Out of rollout bound"
	case ReasonNoConditionMatch:
		return "No matching condition set"
	case ReasonNoGroupType:
		return "No group type"
	case ReasonFlagDisabled:
		return "Feature flag is disabled"
	case ReasonMissingDependency:
		return "Flag cannot be evaluated due to missing dependency"
	default:
		return ""
	}
}

// ID is the flag's id, 0 if it is not known.
func (a Answer) ID() int64 {
	if a.flag == nil {
		return 0
	}
	return a.flag.id
}

// Version is the flag's version, 0 if it is not known.
func (a Answer) Version() int64 {
	if a.flag == nil {
		return 0
	}
	return a.flag.version
}

// HasExperiment reports whether the flag belongs to a live experiment.
func (a Answer) HasExperiment() bool { return a.flag != nil && a.flag.hasExperiment }

// ExperimentKnown reports whether the definitions tell if the flag belongs to a
// live experiment.
func (a Answer) ExperimentKnown() bool { return a.flag != nil && a.flag.experimentKnown }
