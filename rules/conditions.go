package rules

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
				if i < len(f.conditions)-1 {
					left |= e.passedOver(f, c)
				}
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

// passedOver is the reason for which the server may go on after a condition
// that seems to end the walk early, as a set that is empty if there is none. It
// goes on from a condition that it withholds. And it loads cohorts, and
// properties of groups, when some flag of the request needs them, which a
// condition for nobody does not: what is not loaded does not match.
func (e *evaluation) passedOver(f *flag, c *condition) uint8 {
	if e.withheld(f, c) {
		e.noteIdentifier(f, c.aggregation)
		return 1 << ReasonOutOfRollout
	}
	if !f.preparesNothing(c) {
		return 0
	}
	for i := range c.filters {
		switch p := &c.filters[i]; p.kind {
		case cohortFilter:
			e.note(Missing{Kind: CohortMember, Name: p.value})
			return 1 << ReasonNoConditionMatch
		case groupFilter:
			if _, state := e.groupProperty(p.detail, p.key); state == missingProperty {
				e.note(Missing{Kind: GroupProperty, Name: p.key, Group: p.detail})
				return 1 << ReasonNoConditionMatch
			}
		}
	}
	return 0
}

// preparesNothing reports whether the condition ends the walk early for want of
// a rollout, and the server loads nothing on its account.
func (f *flag) preparesNothing(c *condition) bool {
	return f.earlyExit && c.percentage <= 0 && f.aggregation == nil && c.aggregation == nil
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
	o.mask, o.only, o.any = maskOf(in*value), in*value, true
	o.reason, o.index = ReasonOutOfRollout+Reason(in), index
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
