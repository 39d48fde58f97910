package rules

import "slices"

// evaluation is one call of Evaluate or EvaluateAll. It lives on the stack.
type evaluation struct {
	set     *Set
	subject *Subject
	memory  *scratch // nil: nothing is remembered between filters and flags
	missing *missingList
	trace   *trace
}

// answer evaluates a flag and fills in an Answer, which is zero. It is handed
// in because it is too large to be passed up by value at no cost.
func (e *evaluation) answer(f *flag, a *Answer) {
	a.flag = f
	a.ConditionIndex = -1
	if e.visible(f) == False {
		return
	}
	var o outcomes
	e.outcomes(f, false, &o)
	if o.many {
		a.Status = Inconclusive
		a.Missing = e.whatIsMissing(f)
		return
	}
	a.Status = Decided
	a.Enabled = o.only != off
	a.Variant = f.values[o.only].variant
	a.Reason = o.reason
	a.value = o.only
	if o.index >= 0 {
		a.ConditionIndex = int(o.index)
	}
}

// visible reports whether a flag is for the subject's runtime and contexts.
func (e *evaluation) visible(f *flag) Truth {
	if f.unrestricted {
		return True
	}
	if f.deleted {
		return False
	}
	switch f.runtime {
	case "server":
		if e.subject.Runtime != RuntimeServer {
			return False
		}
	case "client":
		if e.subject.Runtime != RuntimeClient {
			return False
		}
	}
	if len(f.contexts) == 0 || len(e.subject.Contexts) == 0 {
		return True
	}
	shared := 0
	for _, context := range f.contexts {
		if slices.Contains(e.subject.Contexts, context) {
			shared++
		}
	}
	switch {
	case shared == 0:
		return False
	case f.matchAll && shared < len(f.contexts):
		return Unknown // it is not settled that the server reads the mode
	default:
		return True
	}
}

// outcomes finds what a flag may evaluate to. Unless the whole set is asked
// for, it may stop at the second value.
func (e *evaluation) outcomes(f *flag, whole bool, o *outcomes) {
	if f.problem != nil {
		o.mask, o.many, o.any = anything, true, true
		e.note(Missing{Kind: Definition, Name: f.problem.Path + ": " + f.problem.What})
		return
	}
	if !f.active {
		o.add(off, ReasonFlagDisabled, noCondition)
		return
	}
	if f.broken {
		// The server looks for missing dependencies first, in all conditions.
		o.add(off, ReasonMissingDependency, noCondition)
		e.noteBroken(f)
	}
	if e.visible(f) == Unknown {
		o.add(off, ReasonNone, noCondition)
	}
	if f.enrollment != "" && e.enrollment(f, o) || o.many && e.enough(whole) {
		return
	}
	if f.holdout != nil {
		held := e.heldOut(f)
		if held != False {
			o.add(f.holdout.value, ReasonHoldout, noCondition)
		}
		if held == True {
			return
		}
	}
	e.conditions(f, o, whole)
}

// enough reports whether two values settle it: the flag is inconclusive, and
// nobody wants to know more.
func (e *evaluation) enough(whole bool) bool {
	return !whole && e.missing == nil && e.trace == nil
}

// enrollment applies early access: if the person has the property, it decides
// the flag. decided is false where the conditions may have a say.
func (e *evaluation) enrollment(f *flag, o *outcomes) (decided bool) {
	p, state := e.personProperty(f.enrollment)
	possible := Unknown
	switch {
	case state == missingProperty:
		possible = False
	case state == unknownProperty || p.kind == undefined:
		o.add(on, ReasonSuperCondition, 0)
		o.add(off, ReasonSuperCondition, 0)
	case p.kind == null:
		// Whether null counts as having the property is not settled.
		o.add(off, ReasonSuperCondition, 0)
	default:
		possible = True
		value := int16(off)
		if p.kind == boolTrue || p.kind == text && p.text == "true" {
			value = on
		}
		o.add(value, ReasonSuperCondition, 0)
	}
	if possible == Unknown {
		e.note(Missing{Kind: PersonProperty, Name: f.enrollment})
	}
	if e.trace != nil {
		e.trace.enrollment(f, p, possible)
	}
	return possible == True
}

// heldOut reports whether the subject is in the flag's holdout. The server
// hashes the identifier of the flag's own aggregation, never a stored one.
func (e *evaluation) heldOut(f *flag) Truth {
	id, state := e.groupOrPerson(f, f.aggregation)
	result := Unknown
	hash := 0.0
	switch {
	case state != knownIdentifier:
		e.noteIdentifier(f, f.aggregation)
	case f.holdout.percentage >= 100:
		result = True
	default:
		hash = holdoutPrefix.bucket(id, "")
		result = truth(within(hash, f.holdout.percentage))
	}
	if e.trace != nil {
		e.trace.holdout(f, id, hash, result)
	}
	return result
}

// conditions walks the conditions in their stored order. What is not known
// splits the walk: the outcomes of one way are added to o, and the other goes
// on.
func (e *evaluation) conditions(f *flag, o *outcomes, whole bool) {
	reasons := startOffReasons()
	var hash rolloutHash
	for i := range f.conditions {
		c := &f.conditions[i]
		index := int32(i)
		if e.trace != nil {
			e.trace.condition(c, i)
		}

		left := uint8(0) // the reasons for which the walk may go on
		if c.aggregation != nil {
			switch e.hasGroup(c.aggregation) {
			case False:
				if e.trace != nil {
					e.trace.noGroup()
				}
				reasons.note(1<<ReasonNoGroupType, index)
				continue
			case Unknown:
				e.noteIdentifier(f, c.aggregation)
				left |= 1 << ReasonNoGroupType
			}
		}
		matched := e.filters(c)
		if e.trace != nil {
			e.trace.filtered(matched)
		}
		if matched != True {
			left |= 1 << ReasonNoConditionMatch
		} else if i == len(f.conditions)-1 && e.last(f, c, &hash, index, o) {
			return
		}
		if matched != False {
			in := True
			if c.percentage < 100 || f.byDevice {
				in = e.rollout(f, c, &hash)
			}
			if matched == Unknown && (in != False || f.earlyExit) {
				e.noteFilters(c.filters)
			}
			if in != False {
				e.values(f, c, index, o)
			}
			switch {
			case in == True:
			case f.earlyExit:
				o.add(off, ReasonOutOfRollout, index)
				if e.trace != nil {
					e.trace.earlyExit()
				}
			default:
				left |= 1 << ReasonOutOfRollout
			}
		}
		if left == 0 || o.many && e.enough(whole) {
			return
		}
		reasons.note(left, index)
	}
	reasons.addTo(o)
}

// last decides a flag by its last condition, whose filters match, if nothing
// but the rollout is open. Whether the subject is in or out, the condition is
// the one that counts: no other reason ranks above being out of a rollout. The
// hash is a coin toss, and a processor that has to guess a branch on it loses
// as much time as the rest of an evaluation takes, so there is none.
func (e *evaluation) last(f *flag, c *condition, h *rolloutHash, index int32, o *outcomes) bool {
	if o.any || e.trace != nil || c.percentage >= 100 || c.pinned == noValue && len(f.variants) > 0 {
		return false
	}
	id, state := e.identifier(f, c.aggregation)
	if state != knownIdentifier {
		return false
	}
	value := max(c.pinned, on) // noValue is below on
	in := int16(0)
	if within(h.get(f, c.aggregation, id), c.percentage) {
		in = 1
	}
	*o = outcomes{
		mask: maskOf(in * value), only: in * value, any: true,
		reason: ReasonOutOfRollout + Reason(in), index: index,
	}
	return true
}

// filters joins the filters of a condition: all must match.
func (e *evaluation) filters(c *condition) Truth {
	result := True
	for i := range c.filters {
		t := e.filter(&c.filters[i])
		if e.trace != nil {
			e.trace.filter(e, &c.filters[i], t)
		}
		switch t {
		case False:
			if e.trace == nil {
				return False
			}
			result = False
		case Unknown:
			if result == True {
				result = Unknown
			}
		}
	}
	return result
}

// rollout reports whether the subject is in a condition's rollout.
func (e *evaluation) rollout(f *flag, c *condition, h *rolloutHash) Truth {
	if c.percentage >= 100 {
		if e.withheld(f, c) {
			return Unknown
		}
		return True
	}
	id, state := e.identifier(f, c.aggregation)
	if state != knownIdentifier {
		if c.percentage < 0 || c.percentage == 0 && (f.byDevice || e.subject.DistinctID != "") {
			return False // an empty distinct id would be in a rollout of 0 %
		}
		e.noteIdentifier(f, c.aggregation)
		if e.trace != nil {
			e.trace.rollout(c, id, 0, Unknown)
		}
		return Unknown
	}
	hash := h.get(f, c.aggregation, id)
	in := truth(within(hash, c.percentage))
	if e.trace != nil {
		e.trace.rollout(c, id, hash, in)
	}
	return in
}

// withheld reports whether the server may keep a condition of a flag that is
// bucketed by device from a subject without a device, because the variant
// would depend on the hash.
func (e *evaluation) withheld(f *flag, c *condition) bool {
	if !f.byDevice || c.aggregation != nil || c.pinned != noValue || len(f.variants) == 0 {
		return false
	}
	if e.subject.deviceID() != "" {
		return false
	}
	possible := 0
	f.reachable(func(int16) { possible++ })
	return possible > 1
}

// values adds what a condition that has matched serves.
func (e *evaluation) values(f *flag, c *condition, index int32, o *outcomes) {
	switch {
	case c.pinned != noValue:
		o.add(c.pinned, ReasonConditionMatch, index)
		if e.trace != nil {
			e.trace.pinned(f, c.pinned)
		}
		return
	case len(f.variants) == 0:
		o.add(on, ReasonConditionMatch, index)
		return
	}
	id, state := e.identifier(f, c.aggregation)
	if state == knownIdentifier {
		hash := hashOf(f, id, "variant")
		v := f.hashed(hash)
		o.add(v, ReasonConditionMatch, index)
		if e.trace != nil {
			e.trace.variant(f, id, hash, v)
		}
		return
	}
	e.noteIdentifier(f, c.aggregation)
	f.reachable(func(v int16) { o.add(v, ReasonConditionMatch, index) })
}

// hashed is the value of a variant hash: the first variant whose share reaches
// beyond it, or on without a variant.
func (f *flag) hashed(hash float64) int16 {
	if f.ascending {
		// Counting needs no branch on the hash, unlike a search.
		n := 0
		for i := range f.variants {
			n += oneIf(f.variants[i].limit <= hash)
		}
		return f.choices[n]
	}
	for i := range f.variants {
		if hash < f.variants[i].limit {
			return f.variants[i].value
		}
	}
	return on
}

// oneIf is 1 for true; it compiles to no branch.
func oneIf(b bool) int {
	n := 0
	if b {
		n = 1
	}
	return n
}

// reachable yields every value that some hash has.
func (f *flag) reachable(yield func(value int16)) {
	reached := 0.0
	for _, v := range f.variants {
		if v.limit > reached && reached < 1 {
			yield(v.value)
			reached = v.limit
		}
	}
	if reached < 1 {
		yield(on)
	}
}
