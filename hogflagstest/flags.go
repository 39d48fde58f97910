package hogflagstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/hogflags/hogflags"
)

// Flags gives each flag, by key, the value that it has: false, true, the key of
// a variant, a [hogflags.Override] with a payload, or [ByID].
type Flags map[string]any

// ByID gives a flag a value by distinct id. The empty id stands for everybody
// else; without it they have the flag off.
type ByID map[string]any

// flag is a flag as PostHog writes it.
type flag struct {
	Key     string  `json:"key"`
	Active  bool    `json:"active"`
	Filters filters `json:"filters"`
}

type filters struct {
	Groups       []condition                `json:"groups"`
	EarlyExit    bool                       `json:"early_exit,omitempty"`
	Multivariate *multivariate              `json:"multivariate,omitempty"`
	Payloads     map[string]json.RawMessage `json:"payloads,omitempty"`
}

type condition struct {
	Properties []property `json:"properties"`
	Percentage float64    `json:"rollout_percentage"`
	Variant    string     `json:"variant,omitempty"`
}

type property struct {
	Key      string `json:"key"`
	Type     string `json:"type"`
	Operator string `json:"operator"`
	Value    string `json:"value"`
}

type multivariate struct {
	Variants []variant `json:"variants"`
}

type variant struct {
	Key        string  `json:"key"`
	Percentage float64 `json:"rollout_percentage"`
}

// encode writes the flag that has this value.
func encode(key string, value any) (json.RawMessage, error) {
	byID, ok := value.(ByID)
	if !ok {
		byID = ByID{"": value}
	}
	f := flag{Key: key, Active: true, Filters: filters{Groups: []condition{}}}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		if id != "" {
			if err := f.add(id, byID[id]); err != nil {
				return nil, err
			}
		}
	}
	if rest, ok := byID[""]; ok { // the last condition, as the others come first
		if err := f.add("", rest); err != nil {
			return nil, err
		}
	}
	return json.Marshal(f)
}

// add adds a condition for a distinct id, or for everybody.
func (f *flag) add(id string, value any) error {
	given, ok := value.(hogflags.Override)
	if !ok {
		given.Value = value
	}
	c := condition{Properties: []property{}, Percentage: 100}
	if id != "" { // a pattern, because equality would not tell Ada from ada
		c.Properties = []property{{Key: "distinct_id", Type: "person", Operator: "regex", Value: "^(?:" + regexp.QuoteMeta(id) + ")$"}}
	}
	served := "true"
	switch v := given.Value.(type) {
	case bool:
		if !v { // off, and no condition after it counts
			c.Percentage, f.Filters.EarlyExit = 0, true
		}
	case string:
		if v == "" {
			return fmt.Errorf("flag %q: the variant is empty: want false, true or a variant's key", f.Key)
		}
		served, c.Variant = v, v
		f.declare(v)
	default:
		return fmt.Errorf("flag %q: want false, true, a variant's key, a hogflags.Override or a ByID, found %T", f.Key, given.Value)
	}
	if given.Payload != nil {
		if !json.Valid(given.Payload) {
			return fmt.Errorf("flag %q: the payload is no JSON", f.Key)
		}
		if f.Filters.Payloads == nil {
			f.Filters.Payloads = map[string]json.RawMessage{}
		}
		f.Filters.Payloads[served] = given.Payload
	}
	f.Filters.Groups = append(f.Filters.Groups, c)
	return nil
}

// declare makes a variant one of the flag's, with no share of its own: only a
// condition that names it serves it, and who gets true gets no variant.
func (f *flag) declare(key string) {
	if f.Filters.Multivariate == nil {
		f.Filters.Multivariate = &multivariate{}
	}
	m := f.Filters.Multivariate
	if !slices.ContainsFunc(m.Variants, func(v variant) bool { return v.Key == key }) {
		m.Variants = append(m.Variants, variant{Key: key})
	}
}
