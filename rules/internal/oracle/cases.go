package oracle

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"time"
)

// Inconclusive is the value of an answer that cannot be decided.
const Inconclusive = "INCONCLUSIVE"

// Case is one definitions document and the calls made against it.
type Case struct {
	ID          string              `json:"id"`
	Category    string              `json:"category"`
	Now         time.Time           `json:"now"`      // zero: it does not matter
	TimeZone    string              `json:"timezone"` // "": none is configured
	Complete    []string            `json:"complete"` // "person", "group:<type name>"
	Definitions json.RawMessage     `json:"definitions"`
	Calls       []Call              `json:"calls"`
	Expected    []map[string]Answer `json:"expected"` // by call, by flag key
}

// Call is one question, as a remote call would ask it. Numbers are json.Number.
type Call struct {
	DistinctID       string                    `json:"distinct_id"`
	DeviceID         *string                   `json:"device_id"` // nil: none
	Groups           map[string]any            `json:"groups"`
	PersonProperties map[string]any            `json:"person_properties"`
	GroupProperties  map[string]map[string]any `json:"group_properties"`
}

// Answer is what one flag evaluates to.
type Answer struct {
	Value          any     // false, true, a variant key, or Inconclusive
	Payload        any     // generic JSON, nil for none
	Reason         *string // nil: none, or not the same in every world
	ConditionIndex *int    // nil: none, or not the same in every world

	// What a case says beyond the answer itself.
	MissOK       bool // Inconclusive is acceptable too
	ReasonJudged bool
	IndexJudged  bool
}

// Allows says that a holds where the server answers served: it is inconclusive, or
// has the same value and payload, and the same reason and index if it names any.
func (a Answer) Allows(served Answer) bool {
	if a.Value == Inconclusive {
		return true
	}
	return a.Value == served.Value && reflect.DeepEqual(a.Payload, served.Payload) &&
		(a.Reason == nil || reflect.DeepEqual(a.Reason, served.Reason)) &&
		(a.ConditionIndex == nil || reflect.DeepEqual(a.ConditionIndex, served.ConditionIndex))
}

// String shows everything that is judged.
func (a Answer) String() string {
	return fmt.Sprintf("%v (payload %v, reason %s, index %s)", a.Value, a.Payload, show(a.Reason), show(a.ConditionIndex))
}

func show[T any](p *T) string {
	if p == nil {
		return "none"
	}
	return fmt.Sprint(*p)
}

// UnmarshalJSON reads an expected answer. A reason or an index that is absent is not judged.
func (a *Answer) UnmarshalJSON(raw []byte) error {
	v, err := parse(raw)
	if err != nil {
		return err
	}
	o := object(v)
	*a = Answer{Value: o["value"], Payload: o["payload"]}
	a.MissOK, _ = o["miss_ok"].(bool)
	reason, judged := o["reason"]
	a.ReasonJudged = judged
	if s, ok := reason.(string); ok {
		a.Reason = &s
	}
	index, judged := o["condition_index"]
	a.IndexJudged = judged
	if n, ok := index.(json.Number); ok {
		i, err := n.Int64()
		if err != nil {
			return fmt.Errorf("read condition index: %w", err)
		}
		at := int(i)
		a.ConditionIndex = &at
	}
	return nil
}

// LoadCases reads a gzipped file of cases, one a line.
func LoadCases(path string) ([]Case, error) {
	raw, err := gunzip(path)
	if err != nil {
		return nil, fmt.Errorf("load cases: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var cases []Case
	for {
		var c Case
		err := d.Decode(&c)
		if errors.Is(err, io.EOF) {
			return cases, nil
		}
		if err != nil {
			return nil, fmt.Errorf("load cases: after %d: %w", len(cases), err)
		}
		cases = append(cases, c)
	}
}

// LoadVectors reads the gzipped tables of hashes, operator rows and relative
// dates into v, numbers that meet an any as json.Number.
func LoadVectors(path string, v any) error {
	raw, err := gunzip(path)
	if err != nil {
		return fmt.Errorf("load vectors: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("load vectors: %w", err)
	}
	return nil
}

func gunzip(path string) (raw []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// Options are those under which the calls of a case are judged.
func (c Case) Options() (Options, error) {
	o := Options{Now: c.Now, Complete: c.Complete}
	if c.TimeZone == "" {
		return o, nil
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return o, fmt.Errorf("case %s: %w", c.ID, err)
	}
	o.TimeZone = zone
	return o, nil
}
