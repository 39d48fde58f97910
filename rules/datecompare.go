package rules

import (
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// dateRelation is what a date operator asks of a property, as the order of the
// property and the filter's date: -1, 0 or +1.
type dateRelation int

const (
	dateBefore dateRelation = -1
	dateExact  dateRelation = 0
	dateAfter  dateRelation = +1
)

// dateMatcher compares dates.
type dateMatcher struct {
	relation dateRelation
	bound    moment
	zone     *time.Location // nil: the project's time zone is not known
}

func (c *compiler) compileDate(v flagdef.Value, relation dateRelation) comparison {
	m := dateMatcher{relation: relation, bound: filterMoment(v), zone: c.zone}
	switch m.bound.kind {
	case noMoment:
		return constant(False)
	case doubtful:
		c := varies(&m, False)
		c.unsettled = &Missing{Kind: FilterValue, Name: string(v)}
		return c
	}
	return varies(&m, False)
}

func (m *dateMatcher) match(o operand, now time.Time) Truth {
	property := propertyMoment(o)
	return m.compare(&property, now)
}

// compare compares with a property that has been read.
func (m *dateMatcher) compare(property *moment, now time.Time) Truth {
	switch {
	case property.kind == instant && m.bound.kind == instant:
		return truth(property.at.Compare(m.bound.at) == int(m.relation))
	case property.kind == noMoment:
		return False
	case property.kind == doubtful || m.bound.kind == doubtful:
		return Unknown
	case now.IsZero() && (property.kind == relative || m.bound.kind == relative):
		return Unknown
	case m.zone == nil && property.kind == relative && property.sameAgo(m.bound):
		return truth(m.relation == dateExact)
	case m.zone == nil:
		return m.withoutZone(*property, now)
	}
	a, ok1 := property.in(m.zone, now)
	b, ok2 := m.bound.in(m.zone, now)
	if !ok1 || !ok2 {
		return False // a local time that the zone skips is no date
	}
	return truth(a.Compare(b) == int(m.relation))
}

// sameAgo reports whether two relative dates are the same in every zone.
func (m moment) sameAgo(other moment) bool {
	if other.kind != relative {
		return false
	}
	a, ok1 := m.ago.duration()
	b, ok2 := other.ago.duration()
	return ok1 && ok2 && a == b || m.ago == other.ago
}

// in resolves a moment to an instant, in a zone that is known.
func (m moment) in(zone *time.Location, now time.Time) (time.Time, bool) {
	switch m.kind {
	case naiveTime:
		return localTime(m.at, zone)
	case relative:
		_, offset := now.In(zone).Zone()
		wall := now.UTC().Add(time.Duration(offset) * time.Second)
		return localTime(m.ago.before(wall), zone)
	default:
		return m.at, true
	}
}

// localTime is the instant at which the clocks of a zone show a wall clock
// time (given as if it were UTC): the earlier one if they show it twice, none
// if they skip it.
func localTime(wall time.Time, zone *time.Location) (at time.Time, ok bool) {
	// No zone changes its offset twice within two days, so the offsets of the
	// day before and the day after are all there can be.
	for _, near := range [...]time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(near).In(zone).Zone()
		candidate := wall.Add(-time.Duration(offset) * time.Second)
		if _, real := candidate.In(zone).Zone(); real != offset {
			continue
		}
		if !ok || candidate.Before(at) {
			at, ok = candidate, true
		}
	}
	return at, ok
}

// The offsets from UTC that zones have, and how far a zone's offset may have
// moved between two dates.
const (
	westernmost = -12 * time.Hour
	easternmost = 14 * time.Hour
	zoneShift   = easternmost - westernmost
)

// withoutZone compares where the project's zone is not known: the outcome
// counts only if it is the same in every zone.
func (m *dateMatcher) withoutZone(property moment, now time.Time) Truth {
	var a1, a2, b1, b2 time.Time
	if property.kind == relative && m.bound.kind == relative {
		// Both start from now. The zone's offset then may differ between them, which
		// moves one against the other, once.
		a1, a2 = property.instants(now)
		b1, b2 = m.bound.reach(now, false)
	} else {
		// Two local times are compared as local times, for the zone moves both.
		local := property.local() && m.bound.local()
		a1, a2 = property.reach(now, local)
		b1, b2 = m.bound.reach(now, local)
	}
	switch {
	case a2.Before(b1):
		return truth(m.relation == dateBefore)
	case a1.After(b2):
		return truth(m.relation == dateAfter)
	case a1.Equal(a2) && b1.Equal(b2):
		return truth(m.relation == dateExact)
	case m.relation == dateBefore && !a1.Before(b2), m.relation == dateAfter && !a2.After(b1):
		return False // they touch at most
	default:
		return Unknown
	}
}

// local reports whether what instant a moment is depends on the zone.
func (m moment) local() bool { return m.kind == naiveTime || m.kind == relative }

// reach is the earliest and the latest instant that a moment can be, or, if
// asked for, the earliest and latest local time.
func (m moment) reach(now time.Time, local bool) (earliest, latest time.Time) {
	switch m.kind {
	case naiveTime:
		if local {
			return m.at, m.at
		}
		return m.at.Add(-easternmost), m.at.Add(-westernmost)
	case relative:
		if local {
			west, east := now.UTC().Add(westernmost), now.UTC().Add(easternmost)
			return m.ago.before(west).Add(-zoneShift), m.ago.before(east).Add(zoneShift)
		}
		earliest, latest = m.instants(now)
		return earliest.Add(-zoneShift), latest.Add(zoneShift)
	default:
		return m.at, m.at
	}
}

// instants is the range of a relative date over all offsets, if a zone's
// offset never moved. Which days a calendar span takes away depends only on
// the local date, so one offset for each local date that there is now will do.
func (m moment) instants(now time.Time) (earliest, latest time.Time) {
	now = now.UTC()
	midnight := now.Truncate(24 * time.Hour)
	for _, offset := range [...]time.Duration{
		westernmost, midnight.Sub(now), midnight.Add(24 * time.Hour).Sub(now), easternmost,
	} {
		if offset < westernmost || offset > easternmost {
			continue
		}
		at := m.ago.before(now.Add(offset)).Add(-offset)
		if earliest.IsZero() || at.Before(earliest) {
			earliest = at
		}
		if latest.IsZero() || at.After(latest) {
			latest = at
		}
	}
	return earliest, latest
}

// lacks says what keeps a comparison with a known property from being decided,
// if it is not the property.
func (m *dateMatcher) lacks(o operand, now time.Time) (Missing, bool) {
	property := propertyMoment(o)
	switch {
	case property.kind == doubtful:
		return Missing{}, false
	case now.IsZero() && (property.kind == relative || m.bound.kind == relative):
		return Missing{Kind: Time}, true
	default:
		return Missing{Kind: TimeZone}, m.zone == nil
	}
}

// dates returns the date matcher of a filter that compares dates.
func (f *filter) dates() (*dateMatcher, bool) {
	m, ok := f.matcher.(*dateMatcher)
	return m, ok
}
