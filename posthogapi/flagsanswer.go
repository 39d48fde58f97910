package posthogapi

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"
)

// Flags is PostHog's answer for one person.
type Flags struct {
	// Flags holds the flags that were evaluated, by key: also those that are
	// off, and those that others depend on. Inactive and deleted flags, and
	// those for other runtimes or contexts, are not in it.
	Flags map[string]Flag

	// RequestID names the evaluation in PostHog; empty if it was not sent.
	RequestID string

	// EvaluatedAt is PostHog's clock, in milliseconds; zero if it was not sent.
	EvaluatedAt time.Time

	// Errors says that some flags are missing or Failed.
	Errors bool

	// QuotaLimited says that the project has used up its flag requests, so
	// that there are no flags.
	QuotaLimited bool

	// MinimalFlagCalledEvents says that PostHog asks for the slim form of
	// $feature_flag_called.
	MinimalFlagCalledEvents bool
}

// Flag is PostHog's answer for one flag.
type Flag struct {
	Key     string
	Enabled bool
	Variant string // the variant's key, empty for none

	// Failed says that PostHog could not evaluate the flag; nothing but the
	// reason means anything then.
	Failed bool

	// Reason is PostHog's code ("condition_match"), Description its text. Both
	// are empty if they were not sent.
	Reason, Description string
	ConditionIndex      int // 0-based; -1 for none

	ID, Version int64 // 0 if not sent

	// Payload is as stored, usually a JSON string that holds JSON; nil for none.
	Payload json.RawMessage

	// HasExperiment says whether the flag belongs to a live experiment; nil if
	// PostHog did not say.
	HasExperiment *bool
}

// flagsAnswer is the answer on the wire, in the versions 1 and 2.
type flagsAnswer struct {
	Errors      bool            `json:"errorsWhileComputingFlags"`
	Minimal     bool            `json:"minimalFlagCalledEvents"`
	RequestID   string          `json:"requestId"`
	EvaluatedAt float64         `json:"evaluatedAt"`
	Quota       []string        `json:"quotaLimited"`
	QuotaSnake  []string        `json:"quota_limited"`
	Flags       json.RawMessage `json:"flags"`
	Values      json.RawMessage `json:"featureFlags"`
	Payloads    json.RawMessage `json:"featureFlagPayloads"`
}

type flagAnswer struct {
	Enabled *bool  `json:"enabled"`
	Variant string `json:"variant"`
	Failed  bool   `json:"failed"`
	Reason  struct {
		Code        string   `json:"code"`
		Description string   `json:"description"`
		Index       *float64 `json:"condition_index"`
	} `json:"reason"`
	Metadata struct {
		ID            float64         `json:"id"`
		Version       float64         `json:"version"`
		Payload       json.RawMessage `json:"payload"`
		HasExperiment *bool           `json:"has_experiment"`
	} `json:"metadata"`
}

var errNoFlags = errors.New("the answer is not one of the flags endpoint")

// parseFlags reads an answer. It is lenient with what does not change a value:
// a flag that cannot be read counts as failed, and does not spoil the others.
func parseFlags(body []byte) (Flags, error) {
	var in flagsAnswer
	if err := json.Unmarshal(body, &in); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); !ok {
			return Flags{}, errNoFlags
		}
		// One member of another type than usual; the others have been read.
	}
	f := Flags{
		Flags:                   map[string]Flag{},
		RequestID:               in.RequestID,
		Errors:                  in.Errors,
		QuotaLimited:            slices.Contains(in.Quota, "feature_flags") || slices.Contains(in.QuotaSnake, "feature_flags"),
		MinimalFlagCalledEvents: in.Minimal,
	}
	if in.EvaluatedAt >= 1 && in.EvaluatedAt < math.MaxInt64/2 {
		f.EvaluatedAt = time.UnixMilli(int64(in.EvaluatedAt))
	}
	switch {
	case present(in.Flags):
		return f, f.readFlags(in.Flags)
	case present(in.Values):
		return f, f.readValues(in.Values, in.Payloads)
	case f.QuotaLimited:
		return f, nil
	}
	return Flags{}, errNoFlags
}

func present(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// readFlags reads the flags of version 2.
func (f *Flags) readFlags(raw json.RawMessage) error {
	var flags map[string]json.RawMessage
	if err := json.Unmarshal(raw, &flags); err != nil {
		return errNoFlags
	}
	for key, raw := range flags {
		var in flagAnswer
		err := json.Unmarshal(raw, &in)
		flag := Flag{
			Key:            key,
			Failed:         in.Failed || err != nil || in.Enabled == nil,
			Reason:         in.Reason.Code,
			Description:    in.Reason.Description,
			ConditionIndex: -1,
			ID:             int64(in.Metadata.ID),
			Version:        int64(in.Metadata.Version),
			HasExperiment:  in.Metadata.HasExperiment,
		}
		if flag.Failed {
			f.Errors = true
		} else {
			flag.Enabled = *in.Enabled
			if flag.Enabled {
				flag.Variant = in.Variant
			}
			if present(in.Metadata.Payload) {
				flag.Payload = in.Metadata.Payload
			}
			if in.Reason.Index != nil {
				flag.ConditionIndex = int(*in.Reason.Index)
			}
		}
		f.Flags[key] = flag
	}
	return nil
}

// readValues reads the flags of version 1: an object of values, or in its
// oldest form a list of the flags that are on.
func (f *Flags) readValues(values, payloads json.RawMessage) error {
	var list []string
	if json.Unmarshal(values, &list) == nil {
		for _, key := range list {
			f.Flags[key] = Flag{Key: key, Enabled: true, ConditionIndex: -1}
		}
		return nil
	}
	var byKey map[string]any
	if err := json.Unmarshal(values, &byKey); err != nil {
		return errNoFlags
	}
	var payload map[string]json.RawMessage
	_ = json.Unmarshal(payloads, &payload) // none are no reason to have no values
	for key, value := range byKey {
		flag := Flag{Key: key, ConditionIndex: -1}
		switch v := value.(type) {
		case bool:
			flag.Enabled = v
		case string:
			flag.Enabled, flag.Variant = v != "", v
		default:
			flag.Failed, f.Errors = true, true
		}
		if p := payload[key]; present(p) && !flag.Failed {
			flag.Payload = p
		}
		f.Flags[key] = flag
	}
	return nil
}
