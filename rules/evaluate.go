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

// answer evaluates a flag and puts the outcome into an Answer.
func (e *evaluation) answer(f *flag) Answer {
	if e.visible(f) == False {
		return Answer{Status: NotFound, ConditionIndex: -1, key: f.key}
	}
	o := e.outcomes(f, false)
	if o.many {
		a := Answer{Status: Inconclusive, ConditionIndex: -1, key: f.key, flag: f}
		a.Missing = e.whatIsMissing(f)
		return a
	}
	v := &f.values[o.only]
	a := Answer{
		Status: Decided, Enabled: o.only != off, Variant: v.variant,
		Reason: o.reason, ConditionIndex: int(o.index),
		key: f.key, flag: f, payload: v.payload,
	}
	if o.index < 0 {
		a.ConditionIndex = -1
	}
	return a
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
func (e *evaluation) outcomes(f *flag, whole bool) (o outcomes) {
	if f.problem != nil {
		o.mask, o.many, o.any = anything, true, true
		e.note(Missing{Kind: Definition, Name: f.problem.Path + ": " + f.problem.What})
		return o
	}
	if !f.active {
		o.add(off, ReasonFlagDisabled, noCondition)
		return o
	}
	if f.broken {
		// The server looks for missing dependencies first, in all conditions.
		o.add(off, ReasonMissingDependency, noCondition)
		e.noteBroken(f)
	}
	if e.visible(f) == Unknown {
		o.add(off, ReasonNone, noCondition)
	}
	if e.enrollment(f, &o) || o.many && e.enough(whole) {
		return o
	}
	switch e.heldOut(f) {
	case True:
		o.add(f.holdout.value, ReasonHoldout, noCondition)
		return o
	case Unknown:
		o.add(f.holdout.value, ReasonHoldout, noCondition)
	}
	e.conditions(f, &o, whole)
	return o
}

// enough reports whether two values settle it: the flag is inconclusive, and
// nobody wants to know more.
func (e *evaluation) enough(whole bool) bool {
	return !whole && e.missing == nil && e.trace == nil
}

// enrollment applies early access: if the person has the property, it decides
// the flag. decided is false where the conditions may have a say.
func (e *evaluation) enrollment(f *flag, o *outcomes) (decided bool) {
	if f.enrollment == "" {
		return false
	}
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
	if f.holdout == nil {
		return False
	}
	id, state := e.groupOrPerson(f, f.aggregation)
	result := Unknown
	hash := 0.0
	switch {
	case state != knownIdentifier:
		e.noteIdentifier(f, f.aggregation)
	case f.holdout.percentage >= 100:
		result = True
	default:
		hash = bucket("holdout-", id, "")
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
	hashes := hashes{flag: f}
	for i := range f.conditions {
		c := &f.conditions[i]
		index := int32(i)
		if e.trace != nil {
			e.trace.condition(c, i)
		}

		left := uint8(0) // the reasons for which the walk may go on
		grouped := e.hasGroup(c.aggregation)
		switch grouped {
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
		matched := e.filters(c)
		if e.trace != nil {
			e.trace.filtered(matched)
		}
		if matched != True {
			left |= 1 << ReasonNoConditionMatch
		}
		if matched != False {
			in := e.rollout(c, &hashes)
			if matched == Unknown && (in != False || f.earlyExit) {
				e.noteFilters(c.filters)
			}
			if in != False {
				e.values(c, &hashes, index, o)
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
func (e *evaluation) rollout(c *condition, h *hashes) Truth {
	switch {
	case c.percentage >= 100 && !e.withheld(c, h):
		return True
	case c.percentage >= 100:
		return Unknown
	}
	id, state := h.identifier(e, c.aggregation)
	if state != knownIdentifier {
		if c.percentage < 0 || c.percentage == 0 && (h.flag.byDevice || e.subject.DistinctID != "") {
			return False // an empty distinct id would be in a rollout of 0 %
		}
		e.noteIdentifier(h.flag, c.aggregation)
		if e.trace != nil {
			e.trace.rollout(c, id, 0, Unknown)
		}
		return Unknown
	}
	hash := h.rollout(id)
	in := truth(within(hash, c.percentage))
	if e.trace != nil {
		e.trace.rollout(c, id, hash, in)
	}
	return in
}

// withheld reports whether the server may keep a condition of a flag that is
// bucketed by device from a subject without a device, because the variant
// would depend on the hash.
func (e *evaluation) withheld(c *condition, h *hashes) bool {
	f := h.flag
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
func (e *evaluation) values(c *condition, h *hashes, index int32, o *outcomes) {
	f := h.flag
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
	id, state := h.identifier(e, c.aggregation)
	if state == knownIdentifier {
		hash := h.variant(id)
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
	for i := range f.variants {
		if hash < f.variants[i].limit {
			return f.variants[i].value
		}
	}
	return on
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
