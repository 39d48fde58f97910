package rules

// cohort reports whether the subject is in a cohort.
func (e *evaluation) cohort(i int32) Truth {
	c := &e.set.cohorts[i]
	switch {
	case c.depth > maxCohortDepth:
		return Unknown
	case e.memory == nil:
		return e.group(&c.root)
	}
	if t, ok := e.memory.cohort(i); ok {
		return t
	}
	if c.cycle != noTarget {
		e.solveCycle(e.set.cycles[c.cycle])
		t, _ := e.memory.cohort(i)
		return t
	}
	t := e.group(&c.root)
	e.memory.setCohort(i, t)
	return t
}

// solveCycle evaluates the cohorts of a cycle. They start out as unknown, and
// what can be decided in spite of that is decided, round by round.
func (e *evaluation) solveCycle(members []int32) {
	for _, i := range members {
		e.memory.setCohort(i, Unknown)
	}
	for range maxRounds {
		changed := false
		for _, i := range members {
			if t, _ := e.memory.cohort(i); t != Unknown {
				continue
			}
			if t := e.group(&e.set.cohorts[i].root); t != Unknown {
				e.memory.setCohort(i, t)
				changed = true
			}
		}
		if !changed {
			return
		}
	}
}

// maxRounds bounds the rounds of solveCycle. A cohort that takes more of them
// stays unknown.
const maxRounds = 8

// maxCohortDepth bounds how deep cohorts are nested in cohorts. What lies
// deeper is unknown.
const maxCohortDepth = 100

// group joins the members of a property group. A member that settles the
// result settles it wherever it stands.
func (e *evaluation) group(g *group) Truth {
	settles, result := False, True
	if g.or {
		settles, result = True, False
	}
	for i := range g.members {
		m := &g.members[i]
		var t Truth
		if m.group == nil {
			t = e.filter(&m.filter)
		} else {
			t = e.group(m.group)
		}
		switch t {
		case settles:
			return settles
		case Unknown:
			result = Unknown
		}
	}
	return result
}
