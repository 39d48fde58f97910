package resolve

import (
	"encoding/json"
	"time"

	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/rules"
)

// Answer is the outcome for one flag, decided locally or by PostHog. It is a
// value: it does not change, and it may be kept and copied.
type Answer struct {
	local  rules.Answer
	remote *remote // nil if PostHog was not asked about the flag
}

// remote is what became of asking PostHog about a flag.
type remote struct {
	flag     posthogapi.Flag
	found    bool  // flag is PostHog's answer, and no failed one
	err      error // why it is not, if the flag may exist
	response *posthogapi.Flags
}

// Local is the answer of the definitions alone.
func Local(a rules.Answer) Answer { return Answer{local: a} }

// NotFound stands for a key that nobody knows.
func NotFound(key string) Answer { return Answer{local: rules.Absent(key)} }

// Unanswered stands for a key that could not be asked about.
func Unanswered(key string, cause error) Answer {
	return Answer{
		local:  rules.Absent(key),
		remote: &remote{flag: posthogapi.Flag{Key: key, ConditionIndex: -1}, err: cause},
	}
}

// Read is what callers read of every answer, without copying it.
func Read(a *Answer) (status rules.Status, enabled bool, variant string) {
	if a.remote == nil {
		return a.local.Status, a.local.Enabled, a.local.Variant
	}
	return a.Status(), a.Enabled(), a.Variant()
}

// Status says whether the flag is decided. An inconclusive flag is one that
// neither side decided: see [Answer.Missing] and [Answer.Cause].
func (a Answer) Status() rules.Status {
	switch {
	case a.remote == nil:
		return a.local.Status
	case a.remote.found:
		return rules.Decided
	case a.remote.err != nil:
		return rules.Inconclusive
	}
	return rules.NotFound
}

// decidedRemotely reports whether the value is PostHog's.
func (a *Answer) decidedRemotely() bool { return a.remote != nil && a.remote.found }

// Asked reports whether PostHog was asked about the flag, or was to be.
func (a Answer) Asked() bool { return a.remote != nil }

// DecidedLocally reports whether the value comes from the definitions.
func (a Answer) DecidedLocally() bool { return a.remote == nil && a.local.Status == rules.Decided }

// Key is the flag's key, also of a flag that was not found.
func (a Answer) Key() string {
	if a.remote != nil {
		return a.remote.flag.Key
	}
	return a.local.Key()
}

// Enabled reports whether the flag is decided and on, with whatever variant.
func (a Answer) Enabled() bool {
	if a.remote != nil {
		return a.remote.found && a.remote.flag.Enabled
	}
	return a.local.Enabled
}

// Variant is the key of the variant served; empty if there is none.
func (a Answer) Variant() string {
	switch {
	case a.remote == nil:
		return a.local.Variant
	case a.remote.found:
		return a.remote.flag.Variant
	}
	return ""
}

// Value is false, true (on without a variant) or the variant's key; nil if the
// flag is not decided.
func (a Answer) Value() any {
	switch {
	case a.remote == nil:
		return a.local.Value()
	case !a.remote.found:
		return nil
	case a.remote.flag.Variant != "":
		return a.remote.flag.Variant
	}
	return a.remote.flag.Enabled
}

// Payload is the payload of the value served, as PostHog stores it: usually a
// JSON string that holds JSON once more. It is nil if there is none. Do not
// change it.
func (a Answer) Payload() json.RawMessage {
	switch {
	case a.remote == nil:
		return a.local.Payload()
	case a.remote.found:
		return a.remote.flag.Payload
	}
	return nil
}

// PayloadKnown is false for an encrypted payload, which only remote config
// tells, and for a flag that is not decided.
func (a Answer) PayloadKnown() bool {
	if a.remote != nil {
		return a.remote.found
	}
	return a.local.PayloadKnown()
}

// Reason is PostHog's code for why the flag has its value, such as
// "condition_match". It is empty where it is not known although the value is,
// and where there is no value.
func (a Answer) Reason() string {
	switch {
	case a.remote != nil:
		return a.remote.flag.Reason
	case a.local.Status == rules.Decided:
		return a.local.Reason.String()
	}
	return ""
}

// Description is PostHog's text for the reason, such as "Matched condition
// set 1".
func (a Answer) Description() string {
	if a.remote != nil {
		return a.remote.flag.Description
	}
	return a.local.Description()
}

// ConditionIndex is the condition set that the reason speaks of, counted from
// 0; -1 if there is none or it is not known.
func (a Answer) ConditionIndex() int {
	switch {
	case a.remote != nil && !a.remote.found, a.remote == nil && a.local.Status != rules.Decided:
		return -1
	case a.remote != nil:
		return a.remote.flag.ConditionIndex
	}
	return a.local.ConditionIndex
}

// ID is the flag's id in PostHog, 0 if it is not known.
func (a Answer) ID() int64 {
	if a.decidedRemotely() {
		return a.remote.flag.ID
	}
	return a.local.ID()
}

// Version is the flag's version, 0 if it is not known.
func (a Answer) Version() int64 {
	if a.decidedRemotely() {
		return a.remote.flag.Version
	}
	return a.local.Version()
}

// HasExperiment reports whether the flag belongs to a live experiment, if that
// is known.
func (a Answer) HasExperiment() (has, known bool) {
	if a.decidedRemotely() {
		if h := a.remote.flag.HasExperiment; h != nil {
			return *h, true
		}
		return false, false
	}
	return a.local.HasExperiment(), a.local.ExperimentKnown()
}

// Missing lists what would have decided the flag here; nil unless it is
// inconclusive and its definition is held.
func (a Answer) Missing() []rules.Missing {
	if a.Status() != rules.Inconclusive {
		return nil
	}
	return a.local.Missing
}

// Cause is why PostHog did not decide an inconclusive flag; nil if it was not
// asked.
func (a Answer) Cause() error {
	if a.remote == nil || a.remote.found {
		return nil
	}
	return a.remote.err
}

// RequestID names the remote evaluation that the answer comes from; empty for
// any other.
func (a Answer) RequestID() string {
	if a.remote == nil || a.remote.response == nil {
		return ""
	}
	return a.remote.response.RequestID
}

// EvaluatedAt is when PostHog evaluated the flag; zero if it did not.
func (a Answer) EvaluatedAt() time.Time {
	if a.remote == nil || a.remote.response == nil {
		return time.Time{}
	}
	return a.remote.response.EvaluatedAt
}

// response is PostHog's answer that the flag was asked in, nil if there is none.
func (a *Answer) response() *posthogapi.Flags {
	if a.remote == nil {
		return nil
	}
	return a.remote.response
}

// ErrorsWhileComputing reports whether PostHog could not evaluate all flags of
// the request that this one was asked in.
func (a Answer) ErrorsWhileComputing() bool {
	r := a.response()
	return r != nil && r.Errors
}

// MinimalFlagCalledEvents reports whether the PostHog that answered asks for the
// slim form of $feature_flag_called.
func (a Answer) MinimalFlagCalledEvents() bool {
	r := a.response()
	return r != nil && r.MinimalFlagCalledEvents
}
