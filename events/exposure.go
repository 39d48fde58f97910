package events

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"math/bits"
	"strings"
	"time"
)

// Exposure is somebody's reading of a flag's value. Two that are equal in these
// fields are reported once.
type Exposure struct {
	DistinctID string
	DeviceID   string
	Groups     map[string]any // group type -> key
	Key        string
	Decided    bool // false: there was no value
	Enabled    bool
	Variant    string // the variant's key, empty for none
}

// value is false, true, the variant's key, or nil.
func (e *Exposure) value() any {
	switch {
	case !e.Decided:
		return nil
	case e.Variant != "":
		return e.Variant
	}
	return e.Enabled
}

// Detail is the rest of what PostHog is told about an exposure. The zero value
// of a field means that it is not known.
type Detail struct {
	ID, Version int64
	Reason      string // PostHog's text: "Matched condition set 1"
	Payload     json.RawMessage
	SessionID   string
	Errors      []string // why there is no value, in PostHog's words, such as [FlagMissing]

	LocallyEvaluated bool
	DefinitionsAt    time.Time // when the definitions of a local evaluation were received
	EvaluatedAt      time.Time // when PostHog evaluated the flag
	RequestID        string    // of PostHog's evaluation

	HasExperiment   bool
	ExperimentKnown bool // HasExperiment means something
	Minimal         bool // PostHog asks for the slim form where there is no experiment
}

// The errors that PostHog knows by name. An HTTP status other than 200 is
// APIError followed by it.
const (
	ErrorsWhileComputing = "errors_while_computing_flags"
	FlagMissing          = "flag_missing"
	EvaluationFailed     = "evaluation_failed"
	QuotaLimited         = "quota_limited"
	Timeout              = "timeout"
	ConnectionError      = "connection_error"
	UnknownError         = "unknown_error"
	APIError             = "api_error_"
)

// event is what PostHog's SDKs send for an exposure. The slim form leaves out
// what only the analysis of experiments needs, and only goes without it where
// there is known to be none.
func event(e *Exposure, d *Detail, now time.Time) Event {
	value := e.value()
	p := map[string]any{
		"$feature_flag":          e.Key,
		"$feature_flag_response": value,
		"locally_evaluated":      d.LocallyEvaluated,
	}
	if d.ExperimentKnown {
		p["$feature_flag_has_experiment"] = d.HasExperiment
	}
	if d.ID != 0 {
		p["$feature_flag_id"] = d.ID
	}
	if d.Version != 0 {
		p["$feature_flag_version"] = d.Version
	}
	if len(d.Errors) > 0 {
		p["$feature_flag_error"] = strings.Join(d.Errors, ",")
	}
	if !d.EvaluatedAt.IsZero() {
		p["$feature_flag_evaluated_at"] = d.EvaluatedAt.UnixMilli()
	}
	for name, text := range map[string]string{
		"$feature_flag_reason":     d.Reason,
		"$feature_flag_request_id": d.RequestID,
		"$session_id":              d.SessionID,
		"$device_id":               e.DeviceID,
	} {
		if text != "" {
			p[name] = text
		}
	}
	if slim := d.Minimal && d.ExperimentKnown && !d.HasExperiment; !slim {
		p["$feature/"+e.Key] = value
		if len(d.Payload) > 0 {
			p["$feature_flag_payload"] = text(d.Payload)
		}
		if !d.DefinitionsAt.IsZero() {
			p["$feature_flag_definitions_loaded_at"] = d.DefinitionsAt.UnixMilli()
		}
	}
	return Event{Name: FlagCalled, DistinctID: e.DistinctID, Groups: maps.Clone(e.Groups), Properties: p, Time: now}
}

// text is a payload as PostHog's SDKs send it: a JSON string by its content.
func text(payload json.RawMessage) string {
	var s string
	if json.Unmarshal(payload, &s) == nil {
		return s
	}
	return string(payload)
}

var seed = maphash.MakeSeed()

// print is what stands for an exposure in memory; it is never 0. That two
// exposures have the same one is as likely as 2⁻⁶⁴.
func (e *Exposure) print() uint64 {
	h := mix(maphash.String(seed, e.DistinctID), maphash.String(seed, e.Key))
	switch {
	case !e.Decided:
		h = mix(h, 1)
	case e.Variant != "":
		h = mix(h, maphash.String(seed, e.Variant))
	default:
		// Whether a rollout is on is a coin toss, so there is no branch on it.
		n := uint64(2)
		if e.Enabled {
			n = 3
		}
		h = mix(h, n)
	}
	if e.DeviceID != "" {
		h = mix(h, maphash.String(seed, e.DeviceID))
	}
	if len(e.Groups) > 0 {
		groups := uint64(0)
		for kind, key := range e.Groups {
			name, ok := key.(string)
			if !ok {
				name = fmt.Sprint(key)
			}
			groups += mix(maphash.String(seed, kind), maphash.String(seed, name)) // a sum: in any order
		}
		h = mix(h, groups)
	}
	return max(h, 1)
}

// mix joins two hashes, in order.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xbf58476d1ce4e5b9)
	return hi ^ lo ^ bits.RotateLeft64(a, 32)
}
