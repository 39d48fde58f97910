package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// Verdict is the judgement of one answer.
type Verdict uint8

// The verdicts, from best to worst.
const (
	Right             Verdict = iota // the right value, with payload, reason and index
	RightInconclusive                // inconclusive, and nothing else is right or asked for
	ReasonDiffers                    // the right value, with another reason or condition index
	Miss                             // inconclusive where a value is known: costs a remote call
	PayloadFailure                   // the right value, with another payload
	Failure                          // a wrong value, also where Inconclusive is right
)

// Wrong says that an application would have got a wrong answer.
func (v Verdict) Wrong() bool { return v >= PayloadFailure }

func (v Verdict) String() string {
	switch v {
	case Right:
		return "right"
	case RightInconclusive:
		return "inconclusive"
	case ReasonDiffers:
		return "reason differs"
	case Miss:
		return "miss"
	case PayloadFailure:
		return "payload failure"
	default:
		return "failure"
	}
}

// Judge compares an answer with the expected one.
func Judge(got Answer, want Expected) Verdict {
	switch {
	case got.Value == Inconclusive && (want.Value == Inconclusive || want.MissOK):
		return RightInconclusive
	case got.Value == Inconclusive:
		return Miss
	case got.Value != want.Value:
		return Failure
	case !equalJSON(got.Payload, want.Payload):
		return PayloadFailure
	case want.Reason != nil && !equalJSON(encode(got.Reason), want.Reason),
		want.ConditionIndex != nil && !equalJSON(encode(got.ConditionIndex), want.ConditionIndex):
		return ReasonDiffers
	}
	return Right
}

// equalJSON compares values, not spellings: blanks and the order of keys do
// not count, the written form of a number does. Nothing at all is null.
func equalJSON(a, b json.RawMessage) bool {
	x, errX := decode(a)
	y, errY := decode(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func decode(raw json.RawMessage) (value any, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	err = dec.Decode(&value)
	return value, err
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // a *string or an *int
	}
	return raw
}

// Difference is an answer that is not the expected one.
type Difference struct {
	Case    string
	Call    int // 0-based
	Flag    string
	Verdict Verdict
	Got     Answer
	Want    Expected
	Err     error // of a case that could not be run; Call, Flag, Got and Want are zero then
}

func (d Difference) String() string {
	if d.Err != nil {
		return fmt.Sprintf("%s: %v", d.Case, d.Err)
	}
	return fmt.Sprintf("%s call %d %s: %s: got %s, want %s", d.Case, d.Call, d.Flag, d.Verdict, encode(d.Got), encodeWant(d.Want))
}

// encodeWant writes what is judged, and no more.
func encodeWant(want Expected) json.RawMessage {
	fields := map[string]any{"value": want.Value, "payload": want.Payload}
	if want.Reason != nil {
		fields["reason"] = want.Reason
	}
	if want.ConditionIndex != nil {
		fields["condition_index"] = want.ConditionIndex
	}
	return encode(fields)
}
