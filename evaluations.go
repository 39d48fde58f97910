package hogflags

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
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
	keys      []string // sorted, each once
	answers   []Answer // in the order of keys
	err       error    // why PostHog did not answer
	read      []atomic.Bool
	exposures *exposures // nil: nothing is reported
}

func newSnapshot(answers []Answer, err error) *snapshot {
	s := &snapshot{keys: make([]string, 0, len(answers)), answers: answers[:0], err: err}
	for i := range answers {
		if status, _, _ := resolve.Read(&answers[i]); status != NotFound {
			s.keys = append(s.keys, answers[i].Key())
			s.answers = append(s.answers, answers[i])
		}
	}
	if !slices.IsSorted(s.keys) { // PostHog sends them sorted
		sort.Stable(byKey{s})
	}
	s.compact()
	s.read = make([]atomic.Bool, len(s.keys))
	return s
}

// byKey sorts a snapshot.
type byKey struct{ *snapshot }

func (b byKey) Len() int           { return len(b.keys) }
func (b byKey) Less(i, j int) bool { return b.keys[i] < b.keys[j] }
func (b byKey) Swap(i, j int) {
	b.keys[i], b.keys[j] = b.keys[j], b.keys[i]
	b.answers[i], b.answers[j] = b.answers[j], b.answers[i]
}

// compact keeps the first of equal keys.
func (s *snapshot) compact() {
	n := 0
	for i := range s.keys {
		if i > 0 && s.keys[i] == s.keys[n-1] {
			continue
		}
		if i != n {
			s.keys[n], s.answers[n] = s.keys[i], s.answers[i]
		}
		n++
	}
	s.keys, s.answers = s.keys[:n], s.answers[:n]
}

// find gives a flag's place, -1 if it is not there.
func (s *snapshot) find(key string) int {
	if s == nil {
		return -1
	}
	if i, ok := slices.BinarySearch(s.keys, key); ok {
		return i
	}
	return -1
}

// answer is what is known of a flag that may not be there: after a failed
// request that does not mean that it does not exist. It is not to be changed.
func (s *snapshot) answer(key string) *Answer {
	if i := s.find(key); i >= 0 {
		return &s.answers[i]
	}
	return s.absent(key)
}

func (s *snapshot) absent(key string) *Answer {
	a := resolve.NotFound(key)
	if s != nil && s.err != nil {
		a = resolve.Unanswered(key, s.err)
	}
	return &a
}

// see is answer for a read, which is remembered and reported.
func (s *snapshot) see(key string) *Answer {
	i := s.find(key)
	if i >= 0 && s.read[i].Load() {
		return &s.answers[i]
	}
	var a *Answer
	if i >= 0 {
		a = &s.answers[i]
		s.read[i].Store(true)
	} else {
		a = s.absent(key)
	}
	if s != nil && s.exposures != nil {
		s.exposures.report(key, a)
	}
	return a
}

// IsEnabled reports whether a flag is on, with whatever variant. For a flag that
// is not there or not decided it is the fallback, and false if none is given. It
// is a read.
func (e Evaluations) IsEnabled(key string, fallback ...bool) bool {
	status, enabled, _ := resolve.Read(e.snapshot.see(key))
	if len(fallback) > 0 && status != Decided {
		return fallback[0]
	}
	return enabled
}

// Value is false, true (on without a variant) or the variant's key; nil if the
// flag is not there or not decided. It is a read.
func (e Evaluations) Value(key string) any {
	return e.snapshot.see(key).Value()
}

// Variant is the key of the variant served; empty if there is none. It is a
// read.
func (e Evaluations) Variant(key string) string {
	_, _, variant := resolve.Read(e.snapshot.see(key))
	return variant
}

// Answer is everything known about a flag. It is not a read. The Status of a
// flag that is not there is [NotFound].
func (e Evaluations) Answer(key string) Answer { return *e.snapshot.answer(key) }

// Err says why a flag has no value: [ErrInconclusive] or [ErrFlagNotFound]. It
// is nil for a flag that is decided.
func (e Evaluations) Err(key string) error {
	return errOf(e.snapshot.answer(key))
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
	if err := errOf(a); err != nil {
		return err
	}
	if err := payloadErr(a); err != nil {
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
	return slices.Clone(e.snapshot.keys)
}

// Only is a copy with no other flags than those of the keys. What is read from
// the copy does not count as read from e.
func (e Evaluations) Only(keys ...string) Evaluations {
	return e.filter(func(i int) bool { return slices.Contains(keys, e.snapshot.keys[i]) })
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
			to.keys = append(to.keys, from.keys[i])
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
