package rules

import (
	"slices"
	"strconv"
)

// missingList collects what keeps a flag from being decided.
type missingList struct {
	list    []Missing
	flags   []*flag // those whose own lacks have been collected
	cohorts []int32 // likewise
}

// What an answer lists is bounded, and so is how many flags and cohorts are
// looked into for it.
const (
	maxMissing    = 32
	maxLookedInto = 64
)

// full reports whether there is no use in looking further.
func (l *missingList) full() bool {
	return len(l.list) >= maxMissing || len(l.flags)+len(l.cohorts) >= maxLookedInto
}

// whatIsMissing evaluates a flag once more, to collect what it lacks. Only an
// inconclusive answer pays for it.
func (e *evaluation) whatIsMissing(f *flag) []Missing {
	again := evaluation{set: e.set, subject: e.subject, memory: e.memory, missing: &missingList{}}
	again.missing.flags = append(again.missing.flags, f)
	again.outcomes(f, true, &outcomes{})
	return again.missing.list
}

// note records a lack, if somebody wants to know.
func (e *evaluation) note(m Missing) {
	if e.missing != nil {
		e.missing.add(m)
	}
}

func (l *missingList) add(m Missing) {
	if len(l.list) < maxMissing && !slices.Contains(l.list, m) {
		l.list = append(l.list, m)
	}
}

// noteFilters records what the undecided among filters lack.
func (e *evaluation) noteFilters(filters []filter) {
	if e.missing == nil {
		return
	}
	for i := range filters {
		if f := &filters[i]; !e.missing.full() && e.filter(f) == Unknown {
			e.noteFilter(f)
		}
	}
}

func (e *evaluation) noteFilter(f *filter) {
	if f.unsettled != nil {
		e.note(*f.unsettled)
		return
	}
	switch f.kind {
	case personFilter:
		p, state := e.personProperty(f.key)
		e.noteProperty(f, Missing{Kind: PersonProperty, Name: f.key}, p, state)
	case metadataFilter:
		e.note(Missing{Kind: PersonMetadata, Name: f.key})
	case groupFilter:
		if _, has := e.groupKey(f.detail); has != True {
			e.note(Missing{Kind: Group, Name: f.detail})
			return
		}
		p, state := e.groupProperty(f.detail, f.key)
		e.noteProperty(f, Missing{Kind: GroupProperty, Name: f.key, Group: f.detail}, p, state)
	case cohortFilter:
		e.noteCohort(f.index)
	case flagFilter:
		e.noteFlag(f.index)
	}
}

// noteProperty records why a comparison with a property is undecided.
func (e *evaluation) noteProperty(f *filter, property Missing, p operand, state propertyState) {
	if date, ok := f.dates(); ok && state == knownProperty {
		if lack, ok := date.lacks(p, e.subject.Now); ok {
			e.note(lack)
			return
		}
	}
	if m, ok := f.matcher.(*patternMatcher); ok && state == knownProperty {
		if _, ok := p.string(); ok { // the property is there: the search reached its limit
			e.note(Missing{Kind: Pattern, Name: m.pattern.String()})
			return
		}
	}
	e.note(property)
}

func (e *evaluation) noteCohort(i int32) {
	c := &e.set.cohorts[i]
	switch {
	case slices.Contains(e.missing.cohorts, i):
		return
	case c.depth > maxCohortDepth || e.missing.full():
		e.note(Missing{Kind: CohortMember, Name: c.id})
		return
	case c.cycle != noTarget:
		e.note(Missing{Kind: CohortMember, Name: c.id})
	}
	e.missing.cohorts = append(e.missing.cohorts, i)
	c.root.visit(func(f *filter) {
		if !e.missing.full() && e.filter(f) == Unknown {
			e.noteFilter(f)
		}
	})
}

func (e *evaluation) noteFlag(i int32) {
	f := &e.set.flags[i]
	switch {
	case slices.Contains(e.missing.flags, f):
		return
	case f.depth > maxFlagDepth || e.missing.full():
		e.note(Missing{Kind: Flag, Name: f.key})
		return
	}
	e.missing.flags = append(e.missing.flags, f)
	e.outcomes(f, true, &outcomes{})
}

// noteBroken records the flags that a flag rests on and that are missing.
func (e *evaluation) noteBroken(f *flag) {
	if e.missing == nil {
		return
	}
	f.visit(func(filter *filter) {
		switch {
		case filter.kind != flagFilter:
		case filter.broken:
			e.note(Missing{Kind: Flag, Name: filter.key})
		case e.set.flags[filter.index].broken:
			e.noteFlag(filter.index)
		}
	})
}

func itoa(n int) string { return strconv.Itoa(n) }
