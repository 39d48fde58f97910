package main

import (
	"github.com/hogflags/hogflags/rules"
)

// explanationJSON is an explanation as --json prints it. Outcomes are true,
// false or, where they are not known, null.
type explanationJSON struct {
	Answer      answerJSON      `json:"answer"`
	EarlyAccess *filterJSON     `json:"early_access,omitempty"`
	Holdout     *bucketJSON     `json:"holdout,omitempty"`
	Conditions  []conditionJSON `json:"conditions"`
	Stop        string          `json:"stop"`
}

type conditionJSON struct {
	Index       int          `json:"index"`
	Aggregation string       `json:"aggregation"` // "person" or the group type
	Percentage  float64      `json:"rollout_percentage"`
	Filters     []filterJSON `json:"filters"`
	Outcome     *bool        `json:"outcome"`
	Rollout     *bucketJSON  `json:"rollout,omitempty"`
	Variant     *bucketJSON  `json:"variant,omitempty"`
	Pinned      string       `json:"pinned_variant,omitempty"`
	Note        string       `json:"note,omitempty"`
}

type filterJSON struct {
	Type     string           `json:"type"`
	Key      string           `json:"key"`
	Operator string           `json:"operator,omitempty"`
	Group    string           `json:"group,omitempty"`
	Value    string           `json:"value,omitempty"` // JSON, cut if it is long
	Seen     *string          `json:"seen"`            // null: the property is not there
	Outcome  *bool            `json:"outcome"`
	Negated  bool             `json:"negated,omitempty"`
	Note     string           `json:"note,omitempty"`
	Children []filterJSON     `json:"children,omitempty"`
	Flag     *explanationJSON `json:"flag,omitempty"`
}

type bucketJSON struct {
	Identifier string  `json:"identifier"`
	Hash       float64 `json:"hash"`
	Percentage float64 `json:"percentage"`
	Outcome    *bool   `json:"outcome"`
	Variant    string  `json:"variant,omitempty"`
	Note       string  `json:"note,omitempty"`
}

func newExplanationJSON(e *rules.Explanation) *explanationJSON {
	if e == nil {
		return nil
	}
	out := &explanationJSON{
		Answer: newAnswerJSON(e.Answer), Holdout: newBucketJSON(e.Holdout), Stop: e.Stop,
		Conditions: make([]conditionJSON, len(e.Conditions)),
	}
	if e.EarlyAccess != nil {
		filter := newFilterJSON(*e.EarlyAccess)
		out.EarlyAccess = &filter
	}
	for i, c := range e.Conditions {
		out.Conditions[i] = conditionJSON{
			Index: c.Index, Aggregation: c.Aggregation, Percentage: c.Percentage, Filters: newFiltersJSON(c.Filters), Outcome: truthJSON(c.Outcome),
			Rollout: newBucketJSON(c.Rollout), Variant: newBucketJSON(c.Variant), Pinned: c.Pinned, Note: c.Note,
		}
	}
	return out
}

func newFiltersJSON(filters []rules.FilterTrace) []filterJSON {
	out := make([]filterJSON, len(filters))
	for i, f := range filters {
		out[i] = newFilterJSON(f)
	}
	return out
}

func newFilterJSON(f rules.FilterTrace) filterJSON {
	out := filterJSON{
		Type: f.Type, Key: f.Key, Operator: f.Operator, Group: f.Group, Value: f.Value,
		Outcome: truthJSON(f.Outcome), Negated: f.Negated, Note: f.Note,
		Children: newFiltersJSON(f.Children), Flag: newExplanationJSON(f.Flag),
	}
	if f.Present {
		out.Seen = &f.Seen
	}
	return out
}

func newBucketJSON(b *rules.BucketTrace) *bucketJSON {
	if b == nil {
		return nil
	}
	return &bucketJSON{
		Identifier: b.Identifier, Hash: b.Hash, Percentage: b.Percentage,
		Outcome: truthJSON(b.Outcome), Variant: b.Variant, Note: b.Note,
	}
}

func truthJSON(t rules.Truth) *bool {
	if t == rules.Unknown {
		return nil
	}
	value := t == rules.True
	return &value
}
