package oracle

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
)

// Project is a definitions document, read but not understood. It is not
// changed after Read.
type Project struct {
	flags      []flag
	byKey      map[string]flag
	groupTypes map[string]any // index as text → name
	cohorts    map[string]any
	explicit   bool // property matching version 2
}

// flag is one flag with the parts of its filters that are walked.
type flag struct {
	key         string
	active      bool
	continuity  bool
	byDevice    bool
	runtime     string
	contexts    []any
	encrypted   bool
	aggregation any // index, nil for persons
	enrollment  bool
	earlyExit   bool
	holdout     map[string]any // nil for none
	conditions  []condition
	variants    []variant
	payloads    map[string]any
}

type condition struct {
	filters     []filter
	percentage  *float64 // nil: everyone
	variant     string
	aggregation any  // index, nil for persons
	own         bool // the aggregation is the condition's, not the flag's
}

type variant struct {
	key   string
	share float64
}

// filter is one question about a property, a cohort or another flag.
type filter struct {
	kind     string
	key      string
	operator string
	value    any // nil: null or absent
	negated  bool
	group    any // index of a group filter's type, nil for none
	chained  bool
	chain    []any
}

// Read reads a definitions document. It refuses only what is no JSON: what is odd
// inside makes the flags concerned inconclusive.
func Read(definitions []byte) (*Project, error) {
	v, err := parse(definitions)
	if err != nil {
		return nil, fmt.Errorf("read definitions: %w", err)
	}
	doc := object(v)
	p := &Project{
		byKey:      map[string]flag{},
		groupTypes: object(doc["group_type_mapping"]),
		cohorts:    object(doc["cohorts"]),
		explicit:   doc["property_matching_version"] == json.Number("2"),
	}
	for _, raw := range list(doc["flags"]) {
		f := readFlag(object(raw))
		p.flags = append(p.flags, f)
		p.byKey[f.key] = f
	}
	return p, nil
}

func readFlag(o map[string]any) flag {
	filters := object(o["filters"])
	f := flag{
		key:         word(o["key"]),
		active:      o["active"] != false && o["deleted"] != true,
		continuity:  o["ensure_experience_continuity"] == true,
		byDevice:    o["bucketing_identifier"] == "device_id",
		runtime:     word(o["evaluation_runtime"]),
		contexts:    append(list(o["evaluation_contexts"]), list(o["evaluation_tags"])...),
		encrypted:   o["has_encrypted_payloads"] == true,
		aggregation: filters["aggregation_group_type_index"],
		enrollment:  filters["feature_enrollment"] == true,
		earlyExit:   filters["early_exit"] == true,
		holdout:     object(filters["holdout"]),
		payloads:    object(filters["payloads"]),
	}
	for _, raw := range list(filters["groups"]) {
		f.conditions = append(f.conditions, readCondition(object(raw), f.aggregation))
	}
	for _, raw := range list(object(filters["multivariate"])["variants"]) {
		v := object(raw)
		share, _ := percentage(v["rollout_percentage"])
		f.variants = append(f.variants, variant{key: word(v["key"]), share: share})
	}
	return f
}

func readCondition(o map[string]any, flagAggregation any) condition {
	c := condition{variant: word(o["variant"]), aggregation: flagAggregation}
	if own, ok := o["aggregation_group_type_index"]; ok {
		c.aggregation, c.own = own, true
	}
	if n, ok := percentage(o["rollout_percentage"]); ok {
		c.percentage = &n
	}
	for _, raw := range list(o["properties"]) {
		c.filters = append(c.filters, readFilter(object(raw)))
	}
	return c
}

func percentage(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, _ := strconv.ParseFloat(n.String(), 64)
	return f, true
}

func readFilter(o map[string]any) filter {
	f := filter{
		kind:     word(o["type"]),
		key:      word(o["key"]),
		operator: word(o["operator"]),
		value:    o["value"],
		negated:  o["negation"] == true,
		group:    o["group_type_index"],
		chain:    list(o["dependency_chain"]),
	}
	f.chained = o["dependency_chain"] != nil
	if o["operator"] == nil {
		f.operator = "exact"
		if f.kind == "cohort" {
			f.operator = "in"
		}
	}
	return f
}

// share is the percentage of a condition's rollout.
func (c condition) share() float64 {
	if c.percentage == nil {
		return 100
	}
	return *c.percentage
}

// anonymousID is the identifier that goes before the distinct id in the holdout
// of a flag with continuity.
func anonymousID(c Call) (string, bool) {
	id, ok := c.PersonProperties["$anon_distinct_id"].(string)
	return id, ok && id != "$posthog_cookieless"
}

// groupType names an aggregation or a group filter's index; false without a name.
func (p *Project) groupType(index any) (string, bool) {
	n, ok := index.(json.Number)
	if !ok {
		return "", false
	}
	name := word(p.groupTypes[n.String()])
	return name, name != ""
}

// groupKey is the identifier of a group in a call; false if it has no usable one.
func groupKey(c Call, groupType string) (string, bool) {
	switch k := c.Groups[groupType].(type) {
	case string:
		return cut(k), k != ""
	case json.Number:
		return numberText(k), true
	}
	return "", false
}

// deviceID is the call's, else one among its person properties.
func deviceID(c Call) (string, bool) {
	if c.DeviceID != nil && *c.DeviceID != "" {
		return cut(*c.DeviceID), true
	}
	id := word(c.PersonProperties["$device_id"])
	return cut(id), id != ""
}

// cohortID reads the value of a cohort filter; false if it is no integer.
func cohortID(v any) (string, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return "", false
	}
	i, ok := new(big.Int).SetString(n.String(), 10)
	if !ok {
		return "", false
	}
	return i.String(), true
}

// variantFor walks the shares for one hash; false if they leave it over.
func (f flag) variantFor(hash float64) (string, bool) {
	sum := 0.0
	for _, v := range f.variants {
		sum += v.share / 100
		if hash < sum {
			return v.key, true
		}
	}
	return "", false
}

// declares says whether the flag has this variant.
func (f flag) declares(key string) bool {
	for _, v := range f.variants {
		if v.key == key {
			return key != ""
		}
	}
	return false
}

// holdoutValue is what members of the holdout get.
func (f flag) holdoutValue() string {
	id, _ := text(f.holdout["id"])
	return "holdout-" + id
}

// holdoutShare is the exclusion percentage within 0 to 100.
func (f flag) holdoutShare() float64 {
	n, _ := percentage(f.holdout["exclusion_percentage"])
	return min(max(n, 0), 100)
}
