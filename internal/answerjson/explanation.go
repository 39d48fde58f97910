package answerjson

import (
	"github.com/hogflags/hogflags/rules"
)

// Explanation is how a flag was evaluated, as JSON. Outcomes are true, false or,
// where they are not known, null.
type Explanation struct {
	Answer      Answer      `json:"answer"`
	EarlyAccess *filter     `json:"early_access,omitempty"`
	Holdout     *bucket     `json:"holdout,omitempty"`
	Conditions  []condition `json:"conditions"`
	Stop        string      `json:"stop"`
}

type condition struct {
	Index       int      `json:"index"`
	Aggregation string   `json:"aggregation"` // "person" or the group type
	Percentage  float64  `json:"rollout_percentage"`
	Filters     []filter `json:"filters"`
	Outcome     *bool    `json:"outcome"`
	Rollout     *bucket  `json:"rollout,omitempty"`
	Variant     *bucket  `json:"variant,omitempty"`
	Pinned      string   `json:"pinned_variant,omitempty"`
	Note        string   `json:"note,omitempty"`
}

type filter struct {
	Type     string       `json:"type"`
	Key      string       `json:"key"`
	Operator string       `json:"operator,omitempty"`
	Group    string       `json:"group,omitempty"`
	Value    string       `json:"value,omitempty"` // JSON, cut if it is long
	Seen     *string      `json:"seen"`            // null: the property is not there
	Outcome  *bool        `json:"outcome"`
	Negated  bool         `json:"negated,omitempty"`
	Note     string       `json:"note,omitempty"`
	Children []filter     `json:"children,omitempty"`
	Flag     *Explanation `json:"flag,omitempty"`
}

type bucket struct {
	Identifier string  `json:"identifier"`
	Hash       float64 `json:"hash"`
	Percentage float64 `json:"percentage"`
	Outcome    *bool   `json:"outcome"`
	Variant    string  `json:"variant,omitempty"`
	Note       string  `json:"note,omitempty"`
}

// NewExplanation is nil for no explanation.
func NewExplanation(e *rules.Explanation) *Explanation {
	if e == nil {
		return nil
	}
	out := &Explanation{
		Answer: New(e.Answer), Holdout: newBucket(e.Holdout), Stop: e.Stop,
		Conditions: make([]condition, len(e.Conditions)),
	}
	if e.EarlyAccess != nil {
		filter := newFilter(*e.EarlyAccess)
		out.EarlyAccess = &filter
	}
	for i, c := range e.Conditions {
		out.Conditions[i] = condition{
			Index: c.Index, Aggregation: c.Aggregation, Percentage: c.Percentage, Filters: newFilters(c.Filters), Outcome: truth(c.Outcome),
			Rollout: newBucket(c.Rollout), Variant: newBucket(c.Variant), Pinned: c.Pinned, Note: c.Note,
		}
	}
	return out
}

func newFilters(filters []rules.FilterTrace) []filter {
	out := make([]filter, len(filters))
	for i, f := range filters {
		out[i] = newFilter(f)
	}
	return out
}

func newFilter(f rules.FilterTrace) filter {
	out := filter{
		Type: f.Type, Key: f.Key, Operator: f.Operator, Group: f.Group, Value: f.Value,
		Outcome: truth(f.Outcome), Negated: f.Negated, Note: f.Note,
		Children: newFilters(f.Children), Flag: NewExplanation(f.Flag),
	}
	if f.Present {
		out.Seen = &f.Seen
	}
	return out
}

func newBucket(b *rules.BucketTrace) *bucket {
	if b == nil {
		return nil
	}
	return &bucket{
		Identifier: b.Identifier, Hash: b.Hash, Percentage: b.Percentage,
		Outcome: truth(b.Outcome), Variant: b.Variant, Note: b.Note,
	}
}

func truth(t rules.Truth) *bool {
	if t == rules.Unknown {
		return nil
	}
	value := t == rules.True
	return &value
}
