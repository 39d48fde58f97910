package hogflags

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Evaluations are the answers for one subject at one moment, all from the same
// definitions. They do not change when the definitions do, and are safe for
// concurrent use. The zero value has no flags.
type Evaluations struct {
	answers []Answer // sorted by key
}

func newEvaluations(answers []Answer) Evaluations {
	byKey := func(a, b Answer) int { return cmp.Compare(a.Key(), b.Key()) }
	if !slices.IsSortedFunc(answers, byKey) { // PostHog sends them sorted
		slices.SortStableFunc(answers, byKey)
	}
	return Evaluations{answers: answers}
}

// Keys lists the flags, sorted: those that are off and those that could not be
// decided too.
func (e Evaluations) Keys() []string {
	keys := make([]string, len(e.answers))
	for i := range e.answers {
		keys[i] = e.answers[i].Key()
	}
	return keys
}

// Answer is everything known about a flag. The zero Answer, whose Status is
// not found, stands for a flag that is not there.
func (e Evaluations) Answer(key string) Answer {
	i, ok := slices.BinarySearchFunc(e.answers, key, func(a Answer, key string) int { return cmp.Compare(a.Key(), key) })
	if !ok {
		return Answer{}
	}
	return e.answers[i]
}

// Err says why a flag has no value: [ErrInconclusive] or [ErrFlagNotFound]. It
// is nil for a flag that is decided.
func (e Evaluations) Err(key string) error { return errOf(key, e.Answer(key)) }

// IsEnabled reports whether a flag is decided and on, with whatever variant.
func (e Evaluations) IsEnabled(key string) bool { return e.Answer(key).Enabled }

// Variant is the key of the variant served; empty if there is none.
func (e Evaluations) Variant(key string) string { return e.Answer(key).Variant }

// Value is false, true (on without a variant) or the variant's key; nil if the
// flag is not there or not decided.
func (e Evaluations) Value(key string) any { return e.Answer(key).Value() }

// Reason is PostHog's reason for the value. It is the zero Reason where it is
// not known although the value is, and where there is no value.
func (e Evaluations) Reason(key string) Reason { return e.Answer(key).Reason }

// Payload is the payload of the value served, as PostHog stores it: usually a
// JSON string that holds JSON once more. It is nil if there is none. Do not
// change it.
func (e Evaluations) Payload(key string) json.RawMessage { return e.Answer(key).Payload() }

// PayloadInto decodes a flag's payload into v, a pointer. Where the payload is
// a JSON string that holds JSON, as PostHog stores it, that is what is decoded;
// if it does not fit v, the string itself is. The error is [ErrNoPayload] if
// there is none, that of [Evaluations.Err] if the flag is not decided, or that
// of decoding.
func (e Evaluations) PayloadInto(key string, v any) error {
	a := e.Answer(key)
	if err := errOf(key, a); err != nil {
		return err
	}
	if !a.PayloadKnown() {
		return fmt.Errorf("%w: the payload of %q is encrypted", ErrInconclusive, key)
	}
	raw := a.Payload()
	if raw == nil {
		return fmt.Errorf("%w: %q", ErrNoPayload, key)
	}
	if err := decodePayload(raw, v); err != nil {
		return fmt.Errorf("decode payload of %q: %w", key, err)
	}
	return nil
}

func decodePayload(raw json.RawMessage, v any) error {
	var text string
	if json.Unmarshal(raw, &text) != nil || !json.Valid([]byte(text)) {
		return json.Unmarshal(raw, v)
	}
	err := json.Unmarshal([]byte(text), v)
	if err != nil && json.Unmarshal(raw, v) == nil {
		return nil
	}
	return err
}
