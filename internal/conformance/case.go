// Package conformance reads cases with known answers, runs the evaluator on
// them and judges what it says. The command "hogflags conformance" is a thin
// layer over it.
package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// Inconclusive stands as the value of an answer that cannot be given locally.
const Inconclusive = "INCONCLUSIVE"

// Case is one definitions document and what is asked of it.
type Case struct {
	ID       string `json:"id"`
	Category string `json:"category"`

	Now      *time.Time `json:"now"`      // the clock of the evaluation; nil where it does not matter
	TimeZone *string    `json:"timezone"` // the project's zone (IANA); nil where none is configured

	// Complete names the properties that the caller declares complete:
	// "person", "group:<type name>".
	Complete []string `json:"complete"`

	Definitions json.RawMessage `json:"definitions"` // the exact body of the definitions endpoint
	Calls       []Call          `json:"calls"`

	// Expected has one object per call, from flag key to answer. A flag that
	// is not listed is not judged.
	Expected []map[string]Expected `json:"expected"`
}

// Call is one subject.
type Call struct {
	DistinctID       string                    `json:"distinct_id"`
	DeviceID         string                    `json:"device_id"`
	Groups           map[string]any            `json:"groups"`
	PersonProperties map[string]any            `json:"person_properties"`
	GroupProperties  map[string]map[string]any `json:"group_properties"`
}

// Expected is the right answer for one flag.
type Expected struct {
	Value   any             `json:"value"` // false, true, a variant key or Inconclusive
	Payload json.RawMessage `json:"payload"`

	// Reason and ConditionIndex are nil where they are not judged; JSON null
	// where the right answer has none.
	Reason         json.RawMessage `json:"reason"`
	ConditionIndex json.RawMessage `json:"condition_index"`

	// MissOK accepts Inconclusive too.
	MissOK bool `json:"miss_ok"`
}

// Answer is what the evaluator said about one flag.
type Answer struct {
	Value          any             `json:"value"` // false, true, a variant key or Inconclusive
	Payload        json.RawMessage `json:"payload"`
	Reason         *string         `json:"reason"`          // nil: none, or not the same in every world
	ConditionIndex *int            `json:"condition_index"` // nil likewise
}

// Run evaluates every flag for every call: one object per call, from flag key
// to answer. A flag that is filtered out is not in the object.
func (c *Case) Run() ([]map[string]Answer, error) {
	defs, err := flagdef.Parse(c.Definitions)
	if err != nil {
		return nil, fmt.Errorf("parse definitions: %w", err)
	}
	var opts rules.Options
	if c.TimeZone != nil {
		if opts.TimeZone, err = time.LoadLocation(*c.TimeZone); err != nil {
			return nil, fmt.Errorf("load time zone: %w", err)
		}
	}
	set := rules.Compile(defs, opts)

	results := make([]map[string]Answer, len(c.Calls))
	for i := range c.Calls {
		subject, err := c.Subject(i)
		if err != nil {
			return nil, err
		}
		results[i] = make(map[string]Answer, set.Len())
		for _, answer := range set.EvaluateAll(nil, &subject) {
			// Asked alone, a flag has to say the same as among all.
			if alone := set.Evaluate(answer.Key(), &subject); alone.Status != answer.Status || alone.Value() != answer.Value() {
				return nil, fmt.Errorf("call %d, flag %q: %v when asked alone, %v among all", i, answer.Key(), alone.Value(), answer.Value())
			}
			results[i][answer.Key()] = newAnswer(answer)
		}
	}
	return results, nil
}

// Subject is who a call is about.
func (c *Case) Subject(call int) (rules.Subject, error) {
	in := c.Calls[call]
	subject := rules.Subject{
		DistinctID: in.DistinctID, DeviceID: in.DeviceID,
		Groups: in.Groups, PersonProperties: in.PersonProperties, GroupProperties: in.GroupProperties,
	}
	if c.Now != nil {
		subject.Now = *c.Now
	}
	for _, name := range c.Complete {
		group, isGroup := strings.CutPrefix(name, "group:")
		switch {
		case isGroup:
			subject.CompleteGroups = append(subject.CompleteGroups, group)
		case name == "person":
			subject.CompletePerson = true
		default:
			return subject, fmt.Errorf("complete: %q is neither \"person\" nor \"group:<type name>\"", name)
		}
	}
	return subject, nil
}

func newAnswer(a rules.Answer) Answer {
	if a.Status != rules.Decided {
		return Answer{Value: Inconclusive}
	}
	answer := Answer{Value: a.Value(), Payload: a.Payload()}
	if reason := a.Reason.String(); reason != "" {
		answer.Reason = &reason
	}
	if a.ConditionIndex >= 0 {
		answer.ConditionIndex = &a.ConditionIndex
	}
	return answer
}
