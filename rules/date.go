package rules

import (
	"math"
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// moment is one side of a date comparison: a fixed instant, a naive local
// time, or a time relative to the evaluation. The last two are read in the
// project's time zone.
type moment struct {
	kind momentKind
	at   time.Time // the instant; of a naive time, the instant it would be in UTC
	ago  span
}

type momentKind uint8

const (
	noMoment  momentKind = iota // the text is no date
	doubtful                    // only the server's permissive parser can tell
	instant                     // a fixed instant
	naiveTime                   // a local time without a zone
	relative                    // ago, counted back from the evaluation
)

// span is the length of a relative date.
type span struct {
	n    int
	unit byte // h, d, w, m (month) or y
}

// duration is the length of a span in hours, days or weeks.
func (s span) duration() (d time.Duration, ok bool) {
	switch s.unit {
	case 'h':
		return time.Duration(s.n) * time.Hour, true
	case 'd':
		return time.Duration(s.n) * 24 * time.Hour, true
	case 'w':
		return time.Duration(s.n) * 7 * 24 * time.Hour, true
	default:
		return 0, false
	}
}

// before returns the wall clock time that lies the span before wall. Months
// and years are walked one at a time, and each step takes the last day of a
// month that is too short: a month before 31 March is 28 February, and three
// are 28 December.
func (s span) before(wall time.Time) time.Time {
	if d, ok := s.duration(); ok {
		return wall.Add(-d)
	}
	year, month, day := wall.Date()
	step, left := 1, s.n
	if s.unit == 'y' {
		step = 12
	}
	months := year*12 + int(month) - 1
	for ; left > 0 && day > 28; left-- { // no month is shorter than 28 days
		months -= step
		day = min(day, daysIn(monthOf(months)))
	}
	year, month = monthOf(months - step*left)
	hour, minute, second := wall.Clock()
	return time.Date(year, month, day, hour, minute, second, wall.Nanosecond(), time.UTC)
}

// monthOf is the month that begins so many months after January of year 0.
func monthOf(months int) (year int, month time.Month) {
	year = months / 12
	if months%12 < 0 {
		year--
	}
	return year, time.Month(months-year*12) + 1
}

func daysIn(year int, month time.Month) int {
	switch month {
	case time.April, time.June, time.September, time.November:
		return 30
	case time.February:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}

// filterMoment reads a filter's value, which must be a string.
func filterMoment(v flagdef.Value) moment {
	if v.Kind() != flagdef.String {
		return moment{}
	}
	return textMoment(v.Text())
}

// propertyMoment reads a property's value: a date text, or the seconds since
// 1970 as a number or a numeric text.
func propertyMoment(o operand) moment {
	switch o.kind {
	case undefined:
		return moment{kind: doubtful}
	case integer, unsigned, float:
		seconds, _ := o.numeric()
		return epoch(seconds)
	case text:
		if x, ok := parseFloat(o.text); ok {
			return epoch(x)
		}
		return textMoment(o.text)
	default:
		return moment{}
	}
}

// epoch is a number of seconds since 1970. The server takes the seconds and
// their fraction apart: the fraction of a number below zero counts as none, one
// that rounds to a whole second makes it no date, and NaN is zero. Its calendar
// goes from the year -262143 to the year 262142.
func epoch(seconds float64) moment {
	const first, last = -8334601228800, 8210266876799
	if math.IsNaN(seconds) {
		seconds = 0
	}
	whole, fraction := math.Floor(seconds), math.Mod(seconds, 1)
	if !(first <= whole && whole <= last) {
		return moment{}
	}
	nano := int64(math.Round(max(fraction, 0) * 1e9))
	if nano == 1e9 {
		if int64(whole)%60 == 59 {
			return moment{kind: doubtful} // room for a leap second
		}
		return moment{}
	}
	return moment{kind: instant, at: time.Unix(int64(whole), nano).UTC()}
}

// textMoment reads a date text.
func textMoment(s string) moment {
	if m, ok := relativeMoment(s); ok {
		return m
	}
	if m, ok := calendarMoment(s); ok {
		return m
	}
	if dateLike(s) {
		return moment{kind: doubtful}
	}
	return moment{}
}

// relativeMoment reads "7d" or "-7d". ok is true too for what only looks like
// one, such as "7q" or "10000d", which is no date at all.
func relativeMoment(s string) (m moment, ok bool) {
	digits := strings.TrimPrefix(s, "-")
	if len(digits) < 2 || !allDigits(digits[:len(digits)-1]) {
		return m, false
	}
	unit := digits[len(digits)-1]
	if lower := unit | 0x20; lower < 'a' || lower > 'z' {
		return m, false
	}
	n := 0
	for _, c := range digits[:len(digits)-1] {
		if n = n*10 + int(c-'0'); n >= 10_000 {
			return moment{}, true
		}
	}
	if !strings.ContainsRune("hdwmy", rune(unit)) {
		return moment{}, true
	}
	return moment{kind: relative, ago: span{n, unit}}, true
}

// dateLike reports whether a permissive parser might find a date in s: it has
// a digit or a word that names a date.
func dateLike(s string) bool { return strings.ContainsAny(s, "0123456789") || hasDateWord(s) }

func hasDateWord(s string) bool {
	letter := func(r rune) bool { return r < 'a' || r > 'z' }
	for word := range strings.FieldsFuncSeq(lowerASCII(s), letter) {
		if _, ok := dateWords[word]; ok {
			return true
		}
	}
	return false
}

// dateWords are the words that date parsers know in one form or another.
var dateWords = func() map[string]struct{} {
	words := map[string]struct{}{}
	for word := range strings.FieldsSeq(`
		now today tomorrow yesterday tonight noon midnight midday morning afternoon evening night
		ago last next this previous past coming following in since until before after from
		second seconds sec secs minute minutes min mins hour hours hr hrs day days week weeks weekend
		fortnight month months mon year years yr yrs decade century
		jan january feb february mar march apr april may jun june jul july aug august
		sep sept september oct october nov november dec december
		monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday
		one two three four five six seven eight nine ten eleven twelve first third
		epoch eod eom eoy`) {
		words[word] = struct{}{}
	}
	return words
}()
