package oracle

import "fmt"

// Serve answers as the server does that knows the world: what a remote call with
// these options would get. Inactive flags, which a remote call leaves out, are false.
func (p *Project) Serve(call Call, o Options, w World) map[string]Answer {
	v := fullView{p, call, w}
	s := server{
		filters: filters{p, v, setting{p.explicit, w.TimeZone, o.Now}},
		full:    v,
		options: o,
		memo:    map[string]outcome{},
	}
	s.missing = s.missingDependencies()
	answers := map[string]Answer{}
	for _, f := range p.flags {
		if !filteredOut(f, o) {
			answers[f.key] = answer(f, []outcome{s.evaluate(f)})
		}
	}
	return answers
}

// server evaluates with two truth values.
type server struct {
	filters
	full    fullView
	options Options
	memo    map[string]outcome
	missing map[string]bool // flags that lack a dependency
}

func (s server) evaluate(f flag) outcome {
	if o, ok := s.memo[f.key]; ok {
		return o
	}
	o := s.flow(f)
	s.memo[f.key] = o
	return o
}

// flow is the order in which the server decides a flag.
func (s server) flow(f flag) outcome {
	if !f.active {
		return outcome{false, "flag_disabled", -1}
	}
	if s.missing[f.key] {
		return outcome{false, "missing_dependency", -1}
	}
	if f.enrollment {
		p := s.person("$feature_enrollment/" + f.key)
		settled := p.value != nil || s.undecided("null enrolment", f.key) == yes
		if p.presence == present && settled {
			return outcome{p.value == true || p.value == "true", "super_condition_value", 0}
		}
	}
	if f.holdout != nil && s.inHoldout(f) {
		return outcome{f.holdoutValue(), "holdout_condition_value", -1}
	}
	best := outcome{false, "no_group_type", -1}
	miss := func(reason string, i int) {
		if priority[reason] >= priority[best.reason] {
			best.reason, best.index = reason, i
		}
	}
	for i, c := range f.conditions {
		id, hashed, ok := s.bucketing(f, c)
		if !ok {
			miss("no_group_type", i)
			continue
		}
		if !s.allMatch(c) {
			miss("no_condition_match", i)
			continue
		}
		if !s.included(f, c, id, hashed) {
			if f.earlyExit && s.unprepared(f, c, i) {
				miss("no_condition_match", i)
				continue
			}
			miss("out_of_rollout_bound", i)
			if f.earlyExit && hashed {
				return outcome{false, "out_of_rollout_bound", i}
			}
			continue
		}
		if f.declares(c.variant) {
			return outcome{c.variant, "condition_match", i}
		}
		return outcome{f.served(flagBucket(f.key, id, "variant")), "condition_match", i}
	}
	return best
}

// bucketing is the identifier for a condition. hashed is false where the server
// withholds it: a device-bucketed flag without a device. ok is false without a group.
func (s server) bucketing(f flag, c condition) (id string, hashed, ok bool) {
	if c.aggregation != nil {
		name, named := s.groupType(c.aggregation)
		if !named {
			id = fmt.Sprint("group-", s.full.world.draw("unnamed group", c.aggregation))
			return id, true, s.undecided("unnamed group type", c.aggregation) == yes
		}
		id, ok = groupKey(s.full.call, name)
		return id, true, ok
	}
	if f.byDevice {
		id, hashed = deviceID(s.full.call)
		return id, hashed, true
	}
	override, stored := s.full.world.Overrides[f.key]
	if f.continuity && stored && (f.aggregation == nil || s.undecided("continuity in a group flag", f.key) == yes) {
		return override, true, true
	}
	return cut(s.full.call.DistinctID), true, true
}

func (s server) allMatch(c condition) bool {
	for _, f := range c.filters {
		if f.kind == "flag" {
			if !s.dependencyHolds(f) {
				return false
			}
		} else if s.ask(f, c.aggregation) != yes {
			return false
		}
	}
	return true
}

// included compares the hash with the rollout. Without an identifier the server
// lets in only who would be in, and get the same, with any.
func (s server) included(f flag, c condition, id string, hashed bool) bool {
	share := c.share()
	if hashed {
		return inRollout(flagBucket(f.key, id, ""), share)
	}
	return share >= 100 && (f.declares(c.variant) || f.single())
}

// unprepared says that the server has not loaded what a condition asks for. It
// need not for a rollout to nobody, unless something else in the request does.
func (s server) unprepared(f flag, c condition, i int) bool {
	if _, hashed, _ := s.bucketing(f, c); !hashed || i == len(f.conditions)-1 {
		return false // withheld before that, or of no consequence
	}
	if c.share() > 0 || f.aggregation != nil || c.aggregation != nil {
		return false
	}
	for _, p := range c.filters {
		name, _ := s.groupType(p.group)
		if p.kind == "cohort" || p.kind == "group" && s.group(name, p.key).presence == absent {
			return s.undecided("unprepared", f.key, i) == yes
		}
	}
	return false
}

// single says that every hash leads to the same variant, or to none.
func (f flag) single() bool { return f.served(0) == f.served(0.9999999999999999) }

func (s server) inHoldout(f flag) bool {
	id := cut(s.full.call.DistinctID)
	if f.aggregation != nil {
		name, _ := s.groupType(f.aggregation)
		key, ok := groupKey(s.full.call, name)
		if !ok {
			return s.undecided("holdout without group", f.key) == yes
		}
		id = key
	} else if device, ok := deviceID(s.full.call); ok && f.byDevice {
		id = device
	} else if anonymous, ok := anonymousID(s.full.call); ok && f.continuity && !f.byDevice {
		id = cut(anonymous)
	}
	return inRollout(holdoutBucket(id), f.holdoutShare())
}

// missingDependencies settles flags whose dependencies are settled, until nothing
// moves. A flag fails with a target that does not exist, with a chain that was left
// empty, or with a target that fails; who is never settled is on a cycle, or behind one.
func (s server) missingDependencies() map[string]bool {
	missing, settled := map[string]bool{}, map[string]bool{}
	for _, f := range s.flags {
		missing[f.key] = true
	}
	for moved := true; moved; {
		moved = false
		for _, f := range s.flags {
			if !settled[f.key] && s.settles(f, settled) {
				settled[f.key], moved = true, true
				missing[f.key] = s.fails(f, missing)
			}
		}
	}
	return missing
}

func (s server) settles(f flag, settled map[string]bool) bool {
	for _, d := range f.dependencies() {
		if _, inFeed := s.byKey[d.key]; inFeed && !settled[d.key] {
			return s.off(f)
		}
	}
	return true
}

// off says that f is false to its dependents, whatever it rests on itself.
func (s server) off(f flag) bool { return !f.active || filteredOut(f, s.options) }

func (s server) fails(f flag, missing map[string]bool) bool {
	if s.off(f) {
		return false
	}
	for _, d := range f.dependencies() {
		_, inFeed := s.byKey[d.key]
		_, exists := s.full.outside(d.key)
		emptied := d.chained && len(d.chain) == 0 && s.undecided("empty chain", f.key, d.key) == yes
		if emptied || missing[d.key] || !inFeed && !exists {
			return true
		}
	}
	return false
}

func (s server) dependencyHolds(d filter) bool {
	if d.operator != "flag_evaluates_to" {
		return false
	}
	target, inFeed := s.byKey[d.key]
	if !inFeed {
		value, _ := s.full.outside(d.key)
		return evaluatesTo(d.value, value) == yes
	}
	if filteredOut(target, s.options) {
		return evaluatesTo(d.value, false) == yes
	}
	return evaluatesTo(d.value, s.evaluate(target).value) == yes
}
