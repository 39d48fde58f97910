package rules

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
// bucketed by device from a subject without a device, because the outcome
// would depend on the hash. It then counts the subject as out of the rollout,
// without a look at the filters and without an early exit.
func (e *evaluation) withheld(f *flag, c *condition) bool {
	if !f.byDevice || c.aggregation != nil || e.subject.deviceID() != "" {
		return false
	}
	if c.percentage < 100 {
		return true
	}
	if c.pinned != noValue || len(f.variants) == 0 {
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
