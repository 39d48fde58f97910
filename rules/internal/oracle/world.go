package oracle

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// World is what the server knows beyond a call. With it, nothing is open.
type World struct {
	Person    map[string]any            // stored person properties, and those that the server fills in
	Groups    map[string]map[string]any // stored group properties by type
	Overrides map[string]string         // flag key → stored identifier of a flag with continuity
	TimeZone  *time.Location            // the project's; never nil

	// Seed draws the rest: membership of cohorts without a definition, flags
	// outside the feed, and whatever no source settles. The same question
	// has the same answer throughout a world.
	Seed uint64
}

// draw is a fair number for a question.
func (w World) draw(question ...any) uint64 {
	sum := sha256.Sum256([]byte(jsonText(append([]any{w.Seed}, question...)...)))
	return binary.LittleEndian.Uint64(sum[:])
}

func (w World) coin(question ...any) bool { return w.draw(question...)%2 == 0 }

// zones are the project zones that a world may have: both ends, odd offsets, changes
// of an hour and of half an hour, and days that were left out.
var zones = []string{"UTC", "Etc/GMT+12", "Etc/GMT-14", "Asia/Kathmandu", "Asia/Kolkata", "America/St_Johns",
	"America/New_York", "America/Los_Angeles", "Europe/Berlin", "Europe/London", "Australia/Lord_Howe", "Australia/Sydney",
	"Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Marquesas", "America/Sao_Paulo", "Asia/Tehran", "Africa/Casablanca"}

// zone draws a project zone. It panics without a time zone database.
func zone(rng *rand.Rand) *time.Location {
	z, err := time.LoadLocation(pick(rng, zones...))
	if err != nil {
		panic("oracle: " + err.Error())
	}
	return z
}

// Complete draws a world that agrees with everything that the call and the
// options say.
func (p *Project) Complete(rng *rand.Rand, call Call, o Options) World {
	w := World{
		Person:    map[string]any{},
		Groups:    map[string]map[string]any{},
		Overrides: map[string]string{},
		Seed:      rng.Uint64(),
	}
	asked := p.questions()
	for _, q := range asked {
		stored := w.Person
		if q.groupType != "" {
			if w.Groups[q.groupType] == nil {
				w.Groups[q.groupType] = map[string]any{}
			}
			stored = w.Groups[q.groupType]
		}
		if _, drawn := stored[q.key]; !drawn && q.mayBeStored(o.Complete) && !chance(rng, 4) {
			stored[q.key] = provoke(rng, asked.about(q), o.Now)
		}
	}
	for _, f := range p.flags {
		if rng.IntN(2) == 0 {
			w.Overrides[f.key] = identifier(rng)
		}
	}
	for w.TimeZone = o.TimeZone; w.TimeZone == nil; {
		z := zone(rng)
		if !p.skips(call, w, setting{zone: z, now: o.Now}) {
			w.TimeZone = z
		}
	}
	return w
}

// skips says that some date in sight is a local time that the zone skips. Such
// a zone is disregarded where none is configured.
func (p *Project) skips(call Call, w World, s setting) bool {
	var values []any
	for _, q := range p.questions() {
		values = append(values, q.filter.value,
			call.PersonProperties[q.key], w.Person[q.key], call.GroupProperties[q.groupType][q.key], w.Groups[q.groupType][q.key])
	}
	for _, v := range values {
		if _, shown := readDate(v, true, s).in(s); !shown {
			return true
		}
	}
	return false
}

// question is a property that some filter looks at.
type question struct {
	groupType string // "" for a person's
	key       string
	filter    filter
}

// mayBeStored says that the server may have the property, whatever the call says: a
// call wins over what is stored. What is declared complete is not stored, except
// what the server fills in itself.
func (q question) mayBeStored(complete []string) bool {
	if q.groupType != "" {
		return !slices.Contains(complete, "group:"+q.groupType)
	}
	filled := strings.HasPrefix(q.key, "$geoip_") || strings.HasPrefix(q.key, "$initial_")
	return filled || !slices.Contains(complete, "person")
}

type questions []question

// about are the filters on the same property as q.
func (qs questions) about(q question) []filter {
	var result []filter
	for _, r := range qs {
		if r.groupType == q.groupType && r.key == q.key {
			result = append(result, r.filter)
		}
	}
	return result
}

// questions lists every property filter of a project, in its order.
func (p *Project) questions() questions {
	var result questions
	add := func(f filter, aggregation any) {
		switch f.kind {
		case "person":
			result = append(result, question{"", f.key, f})
		case "group":
			index := f.group
			if index == nil {
				index = aggregation
			}
			if name, ok := p.groupType(index); ok {
				result = append(result, question{name, f.key, f})
			}
		}
	}
	for _, f := range p.flags {
		if f.enrollment {
			add(filter{kind: "person", key: "$feature_enrollment/" + f.key, operator: "exact", value: "true"}, nil)
		}
		for _, c := range f.conditions {
			for _, g := range c.filters {
				add(g, c.aggregation)
			}
		}
	}
	var walk func(v any)
	walk = func(v any) {
		for _, raw := range list(object(v)["values"]) {
			if object(raw)["values"] == nil {
				add(readFilter(object(raw)), nil)
			}
			walk(raw)
		}
	}
	for _, id := range sortedKeys(p.cohorts) {
		walk(p.cohorts[id])
	}
	return result
}

// fullView is the server's: what is stored, what the call brings, and a settled
// answer to everything else.
type fullView struct {
	*Project
	call  Call
	world World
}

func (v fullView) person(key string) seen {
	value, ok := v.call.PersonProperties[key]
	stored, known := v.world.Person[key]
	switch {
	case ok && (value != nil || !known || !strings.HasPrefix(key, "$geoip_")):
		return seen{present, value}
	case key == "distinct_id" && v.world.coin("distinct id as a property is cut"):
		return seen{present, cut(v.call.DistinctID)}
	case key == "distinct_id":
		return seen{present, v.call.DistinctID}
	case known:
		return seen{present, stored}
	}
	if other, ok := otherName[key]; ok {
		value, given := v.call.PersonProperties[other]
		if !given {
			value, given = v.world.Person[other]
		}
		if given && (value != nil || v.world.coin("a null is copied")) {
			return seen{present, value}
		}
	}
	return seen{presence: absent}
}

func (v fullView) group(groupType, key string) seen {
	id, ok := groupKey(v.call, groupType)
	value, given := v.call.GroupProperties[groupType][key]
	stored, known := v.world.Groups[groupType][key]
	switch {
	case ok && key == "$group_key" && !(given && v.world.coin("a group key in properties wins")):
		return seen{present, id}
	case ok && given:
		return seen{present, value}
	case known:
		return seen{present, stored}
	}
	return seen{presence: absent}
}

func (v fullView) member(cohort string) truth {
	return truthOf(v.world.coin("member", cohort))
}

func (v fullView) undecided(question ...any) truth {
	return truthOf(v.world.coin(question...))
}

// outside is a flag that the feed does not show; false if the server has none either.
func (v fullView) outside(key string) (any, bool) {
	values := []any{nil, false, true, "some-variant"}
	for _, f := range v.flags {
		for _, d := range f.dependencies() {
			if s, ok := d.value.(string); ok && d.key == key {
				values = append(values, s)
			}
		}
	}
	value := values[v.world.draw("flag", key)%uint64(len(values))]
	return value, value != nil
}
