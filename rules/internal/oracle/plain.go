package oracle

import (
	"math"

	"time"
)

// Options is what a caller configures or declares beside the call itself.
type Options struct {
	TimeZone *time.Location // nil: not known
	Now      time.Time      // zero: relative dates are undecided
	Complete []string       // "person", "group:<type name>": these properties are all there are

	Runtime  string   // the request's: "server", "client" or "all"; "" is "server"
	Contexts []string // the request's evaluation contexts; empty: not filtered
}

// Evaluate answers for every flag, by key, what can be proven from the call alone.
// Flags that runtime or contexts filter out are absent.
func (p *Project) Evaluate(call Call, o Options) map[string]Answer {
	e := newPlain(p, call, o)
	answers := map[string]Answer{}
	for _, f := range p.flags {
		if !filteredOut(f, o) {
			answers[f.key] = answer(f, e.outcomes(f))
		}
	}
	return answers
}

// plain evaluates to sets of outcomes.
type plain struct {
	filters
	call    Call
	options Options
	memo    map[string][]outcome
}

func newPlain(p *Project, call Call, o Options) *plain {
	e := &plain{call: call, options: o, memo: map[string][]outcome{}}
	e.filters = filters{p, localView{p, call, o.Complete}, setting{p.explicit, o.TimeZone, o.Now}}
	return e
}

// outcomes is the set of everything that f may evaluate to.
func (e *plain) outcomes(f flag) []outcome {
	if o, ok := e.memo[f.key]; ok {
		return o
	}
	result := e.walk(f)
	e.memo[f.key] = result
	return result
}

func (e *plain) walk(f flag) []outcome {
	if !f.active {
		return []outcome{{false, "flag_disabled", -1}}
	}
	var result []outcome
	if e.fragile(f) {
		result = append(result, outcome{false, "missing_dependency", -1})
	}
	if f.enrollment {
		p := e.person("$feature_enrollment/" + f.key)
		enrolled := p.presence == present && (p.value == true || p.value == "true")
		if enrolled || p.presence == unknown {
			result = append(result, outcome{true, "super_condition_value", 0})
		}
		if !enrolled && p.presence != absent { // null: not settled whether it counts as absent
			result = append(result, outcome{false, "super_condition_value", 0})
		}
		if p.presence == present && p.value != nil {
			return result
		}
	}
	if f.holdout != nil {
		held := e.held(f)
		if held != no {
			result = append(result, outcome{f.holdoutValue(), "holdout_condition_value", -1})
		}
		if held == yes {
			return result
		}
	}
	return append(result, e.conditions(f)...)
}

// held says whether the subject is in the flag's holdout.
func (e *plain) held(f flag) truth {
	id := e.call.DistinctID
	if f.aggregation != nil {
		name, ok := e.groupType(f.aggregation)
		if !ok {
			return maybe
		}
		if id, ok = groupKey(e.call, name); !ok {
			return maybe
		}
	} else if device, ok := deviceID(e.call); ok && f.byDevice {
		id = device
	} else if anonymous, ok := anonymousID(e.call); ok && f.continuity && !f.byDevice {
		id = anonymous
	}
	return truthOf(inRollout(holdoutBucket(cut(id)), f.holdoutShare()))
}

// withheld says that the server may count a condition as out of its rollout
// because it has no device id to hash.
func (e *plain) withheld(f flag, c condition) bool {
	if _, ok := deviceID(e.call); ok || !f.byDevice || c.aggregation != nil {
		return false
	}
	return c.share() < 100 || len(e.values(f, c)) > 1
}

// unprepared says that the server may lack what a condition asks for: cohorts, and
// group properties that are not given, are not loaded for a rollout to nobody.
func (e *plain) unprepared(f flag, c condition) bool {
	if c.share() > 0 || f.aggregation != nil || c.aggregation != nil {
		return false
	}
	for _, p := range c.filters {
		name, _ := e.groupType(p.group)
		if p.kind == "cohort" || p.kind == "group" && e.group(name, p.key).presence == absent {
			return true
		}
	}
	return false
}

// conditions walks the conditions with the set of records that are still possible.
func (e *plain) conditions(f flag) []outcome {
	var result []outcome
	records := map[record]bool{{"no_group_type", -1}: true}
	for i, c := range f.conditions {
		if len(records) == 0 {
			break // an earlier condition always ends it
		}
		next := map[record]bool{}
		miss := func(reason string) {
			for r := range records {
				next[r.after(reason, i)] = true
			}
		}
		matched, rollout, grouped := e.matched(f, c), e.rollout(f, c), e.grouped(c)
		if grouped != yes {
			miss("no_group_type")
		}
		if grouped != no && matched != yes {
			miss("no_condition_match")
		}
		if grouped == no {
			matched = no
		}
		if matched != no {
			if rollout != no {
				for _, v := range e.values(f, c) {
					result = append(result, outcome{v, "condition_match", i})
				}
			}
			if rollout != yes && f.earlyExit {
				result = append(result, outcome{false, "out_of_rollout_bound", i})
				if last := i == len(f.conditions)-1; last {
					// Whether the server goes on makes no difference.
				} else if e.withheld(f, c) {
					miss("out_of_rollout_bound")
				} else if e.unprepared(f, c) {
					miss("no_condition_match")
				}
			} else if rollout != yes {
				miss("out_of_rollout_bound")
			}
		}
		records = next
	}
	for r := range records {
		result = append(result, outcome{false, r.reason, r.index})
	}
	return result
}

// grouped is no for a condition on a group type of which the call has no group. What
// the server makes of a type without a name is not settled.
func (e *plain) grouped(c condition) truth {
	if c.aggregation == nil {
		return yes
	}
	name, named := e.groupType(c.aggregation)
	if !named {
		return maybe
	}
	_, ok := groupKey(e.call, name)
	return truthOf(ok)
}

// matched is the conjunction of a condition's filters.
func (e *plain) matched(f flag, c condition) truth {
	ts := []truth{e.grouped(c)}
	for _, p := range c.filters {
		if p.kind == "flag" {
			ts = append(ts, e.dependency(f, p))
		} else {
			ts = append(ts, e.ask(p, c.aggregation))
		}
	}
	return and(ts)
}

// identifier is what a condition hashes, false if it is not known.
func (e *plain) identifier(f flag, c condition) (string, bool) {
	if c.aggregation != nil {
		name, _ := e.groupType(c.aggregation)
		return groupKey(e.call, name)
	}
	if f.byDevice {
		return deviceID(e.call)
	}
	return cut(e.call.DistinctID), !f.continuity
}

func (e *plain) rollout(f flag, c condition) truth {
	share := c.share()
	id, known := e.identifier(f, c)
	switch {
	case known:
		return truthOf(inRollout(flagBucket(f.key, id, ""), share))
	case share == 0 && !f.byDevice && e.call.DistinctID == "":
		return maybe // nobody's identifier is stored, so the server takes the empty one: hash 0
	case share <= 0:
		return no
	case share < 100:
		return maybe
	case f.byDevice && c.aggregation == nil && len(e.values(f, c)) > 1:
		// The server counts everyone without a device id as out where the
		// variant depends on the hash, at 100 % too.
		return maybe
	}
	return yes
}

// values is what a condition may serve.
func (e *plain) values(f flag, c condition) []any {
	if f.declares(c.variant) {
		return []any{c.variant}
	}
	if id, known := e.identifier(f, c); known {
		return []any{f.served(flagBucket(f.key, id, "variant"))}
	}
	var result []any
	sum, highest := 0.0, 0.0
	for _, v := range f.variants {
		sum += v.share / 100
		if sum > highest && highest < 1 {
			result = append(result, v.key)
		}
		highest = math.Max(highest, sum)
	}
	if highest < 1 {
		result = append(result, true)
	}
	return result
}

// served is the variant for a hash, true if the shares leave it over.
func (f flag) served(hash float64) any {
	if v, ok := f.variantFor(hash); ok {
		return v
	}
	return true
}
