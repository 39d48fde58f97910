package hogflags

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/hogflags/hogflags/resolve"
)

// Evaluations are the answers for one subject at one moment, all from the same
// definitions. They do not change when the definitions do, and are safe for
// concurrent use. The zero value has no flags.
//
// IsEnabled, Value and Variant are reads: with a [Config.Events], the first of
// them for a flag reports $feature_flag_called, once for each subject and value.
// The other methods report nothing.
type Evaluations struct{ snapshot *snapshot }

// snapshot is what an Evaluations shares with its copies.
type snapshot struct {
	answers   []Answer // sorted by key, each key once
	err       error    // why PostHog did not answer
	read      []atomic.Bool
	exposures *exposures // nil: nothing is reported
}

func newSnapshot(answers []Answer, err error) *snapshot {
	byKey := func(a, b Answer) int { return cmp.Compare(a.Key(), b.Key()) }
	if !slices.IsSortedFunc(answers, byKey) { // PostHog sends them sorted
		slices.SortStableFunc(answers, byKey)
	}
	answers = slices.CompactFunc(answers, func(a, b Answer) bool { return a.Key() == b.Key() })
	answers = slices.DeleteFunc(answers, func(a Answer) bool { return a.Status() == NotFound })
	return &snapshot{answers: answers, err: err, read: make([]atomic.Bool, len(answers))}
}

// find gives a flag's place, -1 if it is not there.
func (s *snapshot) find(key string) int {
	if s == nil {
		return -1
	}
	i, ok := slices.BinarySearchFunc(s.answers, key, func(a Answer, key string) int { return cmp.Compare(a.Key(), key) })
	if !ok {
		return -1
	}
	return i
}

// answer is what is known of a flag that may not be there: after a failed
// request that does not mean that it does not exist.
func (s *snapshot) answer(key string) Answer {
	switch i := s.find(key); {
	case i >= 0:
		return s.answers[i]
	case s != nil && s.err != nil:
		return resolve.Unanswered(key, s.err)
	}
	return resolve.NotFound(key)
}

// see is answer for a read, which is remembered and reported.
func (s *snapshot) see(key string) Answer {
	if s == nil {
		return Answer{}
	}
	i := s.find(key)
	if i >= 0 && s.read[i].Load() {
		return s.answers[i]
	}
	a := s.answer(key)
	if i >= 0 {
		s.read[i].Store(true)
	}
	if s.exposures != nil {
		s.exposures.report(key, &a)
	}
	return a
}

// IsEnabled reports whether a flag is on, with whatever variant. For a flag that
// is not there or not decided it is the fallback, and false if none is given. It
// is a read.
func (e Evaluations) IsEnabled(key string, fallback ...bool) bool {
	a := e.snapshot.see(key)
	if len(fallback) > 0 && a.Status() != Decided {
		return fallback[0]
	}
	return a.Enabled()
}

// Value is false, true (on without a variant) or the variant's key; nil if the
// flag is not there or not decided. It is a read.
func (e Evaluations) Value(key string) any {
	a := e.snapshot.see(key)
	return a.Value()
}

// Variant is the key of the variant served; empty if there is none. It is a
// read.
func (e Evaluations) Variant(key string) string {
	a := e.snapshot.see(key)
	return a.Variant()
}

// Answer is everything known about a flag. It is not a read. The Status of a
// flag that is not there is [NotFound].
func (e Evaluations) Answer(key string) Answer { return e.snapshot.answer(key) }

// Err says why a flag has no value: [ErrInconclusive] or [ErrFlagNotFound]. It
// is nil for a flag that is decided.
func (e Evaluations) Err(key string) error {
	a := e.snapshot.answer(key)
	return errOf(&a)
}

// Reason is PostHog's code for why the flag has its value, such as
// "condition_match". It is empty where it is not known although the value is,
// and where there is no value.
func (e Evaluations) Reason(key string) string { return e.snapshot.answer(key).Reason() }

// Payload is the payload of the value served, as PostHog stores it: usually a
// JSON string that holds JSON once more, which [DecodePayload] reads. It is nil
// if there is none. Do not change it.
func (e Evaluations) Payload(key string) json.RawMessage { return e.snapshot.answer(key).Payload() }

// PayloadInto decodes the payload of the value served into what v points to, as
// [DecodePayload] does. The error is [ErrNoPayload] if there is none, that of
// [Evaluations.Err] if the flag is not decided, or that of decoding.
func (e Evaluations) PayloadInto(key string, v any) error {
	a := e.snapshot.answer(key)
	if err := errOf(&a); err != nil {
		return err
	}
	if err := payloadErr(&a); err != nil {
		return err
	}
	raw := a.Payload()
	if raw == nil {
		return fmt.Errorf("%w: %q", ErrNoPayload, key)
	}
	if err := DecodePayload(raw, v); err != nil {
		return fmt.Errorf("decode payload of %q: %w", key, err)
	}
	return nil
}

// Keys lists the flags, sorted: those that are off and those that could not be
// decided too.
func (e Evaluations) Keys() []string {
	if e.snapshot == nil {
		return nil
	}
	keys := make([]string, len(e.snapshot.answers))
	for i := range e.snapshot.answers {
		keys[i] = e.snapshot.answers[i].Key()
	}
	return keys
}

// Only is a copy with no other flags than those of the keys. What is read from
// the copy does not count as read from e.
func (e Evaluations) Only(keys ...string) Evaluations {
	return e.filter(func(i int) bool { return slices.Contains(keys, e.snapshot.answers[i].Key()) })
}

// OnlyAccessed is a copy with no other flags than those that were read from e
// before: none, if nothing was. Reads of a copy of [Evaluations.Only] do not
// count.
func (e Evaluations) OnlyAccessed() Evaluations {
	return e.filter(func(i int) bool { return e.snapshot.read[i].Load() })
}

func (e Evaluations) filter(keep func(i int) bool) Evaluations {
	if e.snapshot == nil {
		return e
	}
	from := e.snapshot
	to := &snapshot{err: from.err, exposures: from.exposures}
	var read []bool
	for i := range from.answers {
		if keep(i) {
			to.answers = append(to.answers, from.answers[i])
			read = append(read, from.read[i].Load())
		}
	}
	to.read = make([]atomic.Bool, len(read))
	for i, was := range read {
		to.read[i].Store(was)
	}
	return Evaluations{to}
}

// EventProperties are what PostHog expects with an event that the flags may have
// had a part in: $feature/<key> with the value of each flag that is decided, and
// $active_feature_flags with those that are on. Flags that were read, and no
// others: see [Evaluations.OnlyAccessed].
func (e Evaluations) EventProperties() map[string]any {
	properties := map[string]any{}
	var active []string
	for key, value := range e.values() {
		properties["$feature/"+key] = value
		if value != false {
			active = append(active, key)
		}
	}
	if active != nil {
		slices.Sort(active)
		properties["$active_feature_flags"] = active
	}
	return properties
}

// values are those of the flags that are decided.
func (e Evaluations) values() map[string]any {
	values := map[string]any{}
	if e.snapshot == nil {
		return values
	}
	for i := range e.snapshot.answers {
		if a := &e.snapshot.answers[i]; a.Status() == Decided {
			values[a.Key()] = a.Value()
		}
	}
	return values
}

func (e Evaluations) payloads() map[string]json.RawMessage {
	payloads := map[string]json.RawMessage{}
	if e.snapshot == nil {
		return payloads
	}
	for i := range e.snapshot.answers {
		if raw := e.snapshot.answers[i].Payload(); raw != nil {
			payloads[e.snapshot.answers[i].Key()] = raw
		}
	}
	return payloads
}
