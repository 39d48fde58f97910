package oracle

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// Sample is a generated project and who is asked about.
type Sample struct {
	Definitions []byte
	Project     *Project // the definitions, read
	Calls       []Call
	Options     Options
}

// Generate draws a project with a few flags and calls whose properties interact
// with its filters. The same seed makes the same sample.
func Generate(seed uint64) Sample {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 0x5eed)), now: time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)}
	g.now = g.now.Add(time.Duration(g.rng.IntN(3*365*24*60)) * time.Minute)
	return g.sample()
}

type generator struct {
	rng  *rand.Rand
	now  time.Time
	keys []string // of all flags

	// The few properties that this project asks about, so that filters meet.
	person, group []string
	device        bool // bucketing by device is common here
}

// fields is a JSON object.
type fields = map[string]any

func (g *generator) sample() Sample {
	g.person, g.group = some(g.rng, personKeys), some(g.rng, groupKeys)
	switch g.rng.IntN(6) {
	case 0:
		g.person = []string{"signup", "seen"}
	case 1:
		g.person = []string{"$geoip_country_code", "$initial_referrer"}
	}
	g.device = chance(g.rng, 5)
	for i := range 1 + g.rng.IntN(6) {
		g.keys = append(g.keys, fmt.Sprintf("flag-%d", i))
	}
	var flags []any
	for _, key := range g.keys {
		flags = append(flags, g.flag(key))
	}
	doc := fields{"flags": flags, "group_type_mapping": fields{"0": "company", "1": "project"}, "cohorts": g.cohorts()}
	if chance(g.rng, 3) {
		doc["property_matching_version"] = pick(g.rng, 1, 2, 2, 3)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		panic("oracle: " + err.Error())
	}
	p, err := Read(raw)
	if err != nil {
		panic("oracle: " + err.Error())
	}
	s := Sample{Definitions: raw, Project: p, Options: g.options()}
	for range 1 + g.rng.IntN(3) {
		s.Calls = append(s.Calls, g.call(p))
	}
	return s
}

func (g *generator) options() Options {
	o := Options{Now: g.now}
	if chance(g.rng, 2) {
		o.TimeZone = zone(g.rng)
	}
	if chance(g.rng, 4) {
		o.Complete = append(o.Complete, "person")
	}
	if chance(g.rng, 4) {
		o.Complete = append(o.Complete, "group:company")
	}
	if chance(g.rng, 8) {
		o.Now = time.Time{}
	}
	if chance(g.rng, 6) {
		o.Runtime = pick(g.rng, "client", "server", "all")
	}
	if chance(g.rng, 6) {
		o.Contexts = []string{pick(g.rng, "web", "docs")}
	}
	return o
}

// call draws a subject: some of the properties that filters ask for.
func (g *generator) call(p *Project) Call {
	c := Call{
		DistinctID:       identifier(g.rng),
		Groups:           fields{},
		PersonProperties: fields{},
		GroupProperties:  map[string]map[string]any{},
	}
	if chance(g.rng, 15) {
		c.DistinctID = ""
	}
	if !g.device && chance(g.rng, 2) {
		id := identifier(g.rng)
		c.DeviceID = &id
	} else if chance(g.rng, 4) {
		c.PersonProperties["$device_id"] = pick[any](g.rng, "device-1", "", nil, num(5))
	}
	for _, name := range []string{"company", "project"} {
		if !chance(g.rng, 3) {
			c.Groups[name] = pick[any](g.rng, identifier(g.rng), identifier(g.rng), "acme", "", nil, num(5), num(-7), true, []any{"a"})
		}
	}
	asked := p.questions()
	for _, q := range asked {
		if chance(g.rng, 2) {
			continue
		}
		value := provoke(g.rng, asked.about(q), g.now)
		if q.groupType == "" {
			c.PersonProperties[q.key] = value
			continue
		}
		if c.GroupProperties[q.groupType] == nil {
			c.GroupProperties[q.groupType] = fields{}
		}
		c.GroupProperties[q.groupType][q.key] = value
	}
	return c
}

func (g *generator) flag(key string) fields {
	filters := fields{"groups": g.conditions(key)}
	f := fields{"id": g.rng.IntN(100), "key": key, "active": !chance(g.rng, 10), "filters": filters}
	if chance(g.rng, 2) {
		filters["multivariate"] = fields{"variants": g.variants()}
	}
	if chance(g.rng, 2) {
		filters["payloads"] = fields{"true": `{"on":true}`, "a": num(7), "b": nil, "holdout-7": "held"}
	}
	if chance(g.rng, 4) {
		filters["aggregation_group_type_index"] = pick[any](g.rng, 0, 0, 0, 0, 0, 1, 1, nil, nil, 4)
	}
	if chance(g.rng, 6) {
		filters["feature_enrollment"] = pick[any](g.rng, true, true, false, nil)
	}
	if chance(g.rng, 5) {
		filters["holdout"] = fields{"id": 7, "exclusion_percentage": pick[any](g.rng, 0, 10, 50, 100, 150, -5)}
	}
	if chance(g.rng, 3) {
		filters["early_exit"] = pick[any](g.rng, true, true, false, nil)
	}
	if chance(g.rng, 4) {
		f["ensure_experience_continuity"] = pick[any](g.rng, true, true, false, nil)
	}
	if chance(g.rng, 6) || g.device && chance(g.rng, 2) {
		f["bucketing_identifier"] = pick[any](g.rng, "device_id", "device_id", "distinct_id", nil)
	}
	if chance(g.rng, 8) {
		f["evaluation_runtime"] = pick[any](g.rng, "all", "client", "server", nil)
	}
	if chance(g.rng, 8) {
		f[pick(g.rng, "evaluation_contexts", "evaluation_tags")] = pick(g.rng, []any{}, []any{"web"}, []any{"docs", "web"})
	}
	return f
}

func (g *generator) variants() []any {
	shares := pick(g.rng, []any{50, 50}, []any{100}, []any{100, 0}, []any{0, 100}, []any{33.3, 33.3, 33.4}, []any{10, 20}, []any{0, 0},
		[]any{60, 60}, []any{25, 0, 75}, []any{num("99.99"), num("0.01")})
	var result []any
	for i, share := range shares {
		result = append(result, fields{"key": string(rune('a' + i)), "rollout_percentage": share})
	}
	return result
}

func (g *generator) conditions(key string) any {
	n := g.rng.IntN(5)
	if n == 0 {
		return pick[any](g.rng, []any{}, nil, []any{fields{}})
	}
	var result []any
	for range n {
		c := fields{"properties": g.properties(key)}
		if !chance(g.rng, 5) {
			c["rollout_percentage"] = pick[any](g.rng, 100, 100, 0, 50, 50, nil, num("33.3"), num("99.9"), 1, 150, -5, g.rng.IntN(101))
		}
		if chance(g.rng, 3) {
			c["variant"] = pick[any](g.rng, "a", "b", "c", "undeclared", nil)
		}
		if chance(g.rng, 5) {
			c["aggregation_group_type_index"] = pick[any](g.rng, 0, 0, 0, 1, 1, nil, nil, 4)
		}
		result = append(result, c)
	}
	return result
}

func (g *generator) properties(key string) any {
	n := pick(g.rng, 0, 1, 1, 1, 2, 3)
	if n == 0 {
		return pick[any](g.rng, []any{}, nil)
	}
	var result []any
	for range n {
		switch rng := g.rng; rng.IntN(9) {
		case 0, 1:
			result = append(result, g.dependency(key))
		case 2, 3:
			result = append(result, fields{"key": "id", "type": "cohort", "value": pick[any](rng, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 90, "1"),
				"operator": pick[any](rng, "in", "in", "in", "not_in", nil, "exact")})
		case 4:
			f := g.property(g.group, groupKeys)
			f["type"] = "group"
			if !chance(rng, 3) {
				f["group_type_index"] = pick[any](rng, 0, 0, 0, 1, 1, nil, 4)
			}
			result = append(result, f)
		case 5:
			if chance(rng, 6) {
				result = append(result, fields{"key": "created_at", "type": "person_metadata", "operator": "is_date_after", "value": "-3d"})
				continue
			}
			fallthrough
		default:
			result = append(result, g.property(g.person, personKeys))
		}
	}
	return result
}

// dependency looks mostly at earlier flags, so that most projects have no cycle.
func (g *generator) dependency(from string) fields {
	at := slices.Index(g.keys, from)
	var target string
	switch {
	case chance(g.rng, 20):
		target = "gone"
	case chance(g.rng, 20):
		target = pick(g.rng, g.keys...)
	case at == 0:
		return g.property(g.person, personKeys)
	default:
		target = g.keys[g.rng.IntN(at)]
	}
	f := fields{"key": target, "type": "flag", "operator": pick[any](g.rng, "flag_evaluates_to", "flag_evaluates_to", "flag_evaluates_to", "exact"),
		"value": pick[any](g.rng, true, true, false, "a", "b", "A", "holdout-7", nil, num(1))}
	if !chance(g.rng, 3) {
		f["dependency_chain"] = []any{target}
		if chance(g.rng, 20) {
			f["dependency_chain"] = []any{}
		}
	}
	return f
}

// cohorts nest downwards in ids, except where they make a cycle.
func (g *generator) cohorts() fields {
	result := fields{}
	for id := 1; id <= 6; id++ {
		if !chance(g.rng, 6) {
			result[fmt.Sprint(id)] = g.cohort(id, 2)
		}
	}
	return result
}

func (g *generator) cohort(id, depth int) fields {
	if chance(g.rng, 20) {
		return fields{}
	}
	var values []any
	for range g.rng.IntN(4) {
		var v fields
		switch rng := g.rng; {
		case depth > 0 && chance(rng, 3):
			v = g.cohort(id, depth-1)
		case chance(rng, 5):
			v = fields{"key": "id", "type": "cohort", "operator": pick[any](rng, "in", "in", "not_in", nil),
				"value": pick(rng, max(1, id-1), max(1, id-2), 1+rng.IntN(6), 91)}
		case chance(rng, 15):
			v = fields{"key": "$pageview", "type": "behavioral", "operator": "exact", "value": "performed_event"}
		default:
			v = g.property(g.person, personKeys)
		}
		if chance(g.rng, 4) && v["values"] == nil {
			v["negation"] = pick[any](g.rng, true, true, false, nil)
		}
		values = append(values, v)
	}
	if values == nil {
		values = []any{}
	}
	return fields{"type": pick(g.rng, "AND", "OR", "OR"), "values": values}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
