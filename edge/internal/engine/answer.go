package engine

import (
	"encoding/json"

	"github.com/hogflags/hogflags/rules"
)

// answer is what JavaScript knows of an answer.
type answer struct {
	Number         uint32    `json:"number"`
	Key            string    `json:"key"`
	Status         string    `json:"status"` // "decided", "inconclusive", "not found"
	Enabled        bool      `json:"enabled"`
	Value          any       `json:"value"`
	Variant        *string   `json:"variant"`
	Payload        *string   `json:"payload"` // JSON
	PayloadKnown   bool      `json:"payloadKnown"`
	Reason         *string   `json:"reason"`
	Description    string    `json:"description"`
	ConditionIndex *int      `json:"conditionIndex"`
	ID             int64     `json:"id"`
	Version        int64     `json:"version"`
	HasExperiment  bool      `json:"hasExperiment"`
	Missing        []missing `json:"missing"`
}

type missing struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Group string `json:"group,omitempty"`
	Text  string `json:"text"`
}

// appendAnswer adds an answer to a list, whose end the caller adds.
func appendAnswer(list []byte, a *rules.Answer, number uint32) ([]byte, error) {
	form := answer{
		Number:        number,
		Key:           a.Key(),
		Status:        a.Status.String(),
		Enabled:       a.Enabled,
		Value:         a.Value(),
		PayloadKnown:  a.PayloadKnown(),
		Description:   a.Description(),
		ID:            a.ID(),
		Version:       a.Version(),
		HasExperiment: a.HasExperiment(),
		Missing:       make([]missing, len(a.Missing)),
	}
	if a.Variant != "" {
		form.Variant = &a.Variant
	}
	if payload := a.Payload(); payload != nil {
		text := string(payload)
		form.Payload = &text
	}
	if reason := a.Reason.String(); reason != "" {
		form.Reason = &reason
	}
	if a.Status == rules.Decided && a.ConditionIndex >= 0 {
		form.ConditionIndex = &a.ConditionIndex
	}
	for i, m := range a.Missing {
		form.Missing[i] = missing{Kind: m.Kind.String(), Name: m.Name, Group: m.Group, Text: m.String()}
	}
	text, err := json.Marshal(form)
	if err != nil {
		return list, err
	}
	separator := byte(',')
	if len(list) == 0 {
		separator = '['
	}
	return append(append(list, separator), text...), nil
}
