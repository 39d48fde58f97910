// Package answerjson is the form that answers and explanations have as JSON.
package answerjson

import (
	"encoding/json"

	"github.com/hogflags/hogflags/rules"
)

// Texts say what is missing, for a person.
func Texts(missing []rules.Missing) []string {
	list := make([]string, len(missing))
	for i, m := range missing {
		list[i] = m.String()
	}
	return list
}

// Answer is an answer as JSON. Value is null unless the status is "decided".
type Answer struct {
	Status         string          `json:"status"` // decided, inconclusive, filtered
	Value          any             `json:"value"`
	Payload        json.RawMessage `json:"payload"`
	PayloadKnown   *bool           `json:"payload_known,omitempty"` // false: encrypted
	Reason         *string         `json:"reason"`
	ConditionIndex *int            `json:"condition_index"`
	Missing        []string        `json:"missing,omitempty"`
}

// New is the form of an answer.
func New(a rules.Answer) Answer {
	switch a.Status {
	case rules.Inconclusive:
		return Answer{Status: "inconclusive", Missing: Texts(a.Missing)}
	case rules.NotFound:
		return Answer{Status: "filtered"}
	}
	out := Answer{Status: "decided", Value: a.Value(), Payload: a.Payload()}
	if known := a.PayloadKnown(); !known {
		out.PayloadKnown = &known
	}
	if reason := a.Reason.String(); reason != "" {
		out.Reason = &reason
	}
	if a.ConditionIndex >= 0 {
		out.ConditionIndex = &a.ConditionIndex
	}
	return out
}
