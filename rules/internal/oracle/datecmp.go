package oracle

import "time"

// compareDates is is_date_exact, is_date_after and is_date_before, all strict.
func compareDates(op string, filter, property any, s setting) truth {
	f, p := readDate(filter, true, s), readDate(property, false, s)
	if f.kind == noDate || p.kind == noDate {
		return no
	}
	if f.kind == unclear || p.kind == unclear {
		return maybe
	}
	possible := orders(p, f, s)
	if len(possible) == 0 {
		return no
	}
	var results []truth
	for _, order := range possible {
		switch op {
		case "is_date_exact":
			results = append(results, truthOf(order == 0))
		case "is_date_after":
			results = append(results, truthOf(order > 0))
		case "is_date_before":
			results = append(results, truthOf(order < 0))
		}
	}
	return agreed(results...)
}

// orders lists every possible order of p and f: -1, 0, 1. With a known zone there
// is one, or none if either is a local time that the zone skips: that is no date.
func orders(p, f date, s setting) []int {
	switch {
	case p.kind == instant && f.kind == instant:
		return []int{p.at.Compare(f.at)}
	case s.zone != nil:
		x, ok := p.in(s)
		y, ok2 := f.in(s)
		if !ok || !ok2 {
			return nil
		}
		return []int{x.Compare(y)}
	case p.sameAgo(f):
		return []int{0}
	}
	// Both sides move together through all offsets. The bound of a relative
	// date moves alone too, because the zone may have had another offset then.
	shifts := []time.Duration{0}
	if p.kind == relative || f.kind == relative {
		shifts = []time.Duration{-26 * time.Hour, 0, 26 * time.Hour}
	}
	found := map[int]bool{}
	for minute := -12 * 60; minute <= 14*60; minute++ {
		offset := time.Duration(minute) * time.Minute
		for _, shift := range shifts {
			found[p.under(offset, s).Add(shift).Compare(f.under(offset, s))] = true
		}
	}
	if found[-1] && found[1] {
		found[0] = true // the instants between two offsets count too
	}
	var result []int
	for order := range found {
		result = append(result, order)
	}
	return result
}

// sameAgo says that two relative dates are one instant, whatever the zone.
func (d date) sameAgo(other date) bool {
	if d.kind != relative || other.kind != relative {
		return false
	}
	hours := map[byte]int{'h': 1, 'd': 24, 'w': 7 * 24}
	if x, y := hours[d.unit], hours[other.unit]; x > 0 && y > 0 {
		return d.count*x == other.count*y
	}
	return d.unit == other.unit && d.count == other.count
}

// under is the instant of d if the zone had this offset throughout.
func (d date) under(offset time.Duration, s setting) time.Time {
	switch d.kind {
	case naive:
		return d.at.Add(-offset)
	case relative:
		return d.before(s.now.UTC().Add(offset)).Add(-offset)
	}
	return d.at
}

// in is the instant of d in the project's zone; false for a local time that it skips.
func (d date) in(s setting) (time.Time, bool) {
	switch d.kind {
	case naive:
		return localize(d.at, s.zone)
	case relative:
		return localize(d.before(wallClockOf(s.now.In(s.zone))), s.zone)
	}
	return d.at, true
}

func wallClockOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// localize finds the earliest instant at which the zone shows this wall clock.
func localize(wall time.Time, zone *time.Location) (time.Time, bool) {
	var earliest time.Time
	found := false
	for _, hours := range []time.Duration{-48, -24, 0, 24, 48} {
		_, offset := wall.Add(hours * time.Hour).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if wallClockOf(t.In(zone)).Equal(wall) && (!found || t.Before(earliest)) {
			earliest, found = t, true
		}
	}
	return earliest, found
}
