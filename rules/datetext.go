package rules

import "time"

// calendarMoment reads the forms of a date that the server reads first: RFC
// 3339 with an offset, and YYYY-MM-DD with or without a time of day, which is
// local time. Other forms are left to the server's permissive parser.
func calendarMoment(s string) (m moment, ok bool) {
	r := dateReader{s: s}
	year, yearDigits := r.number(4)
	if yearDigits != 4 || !r.char('-') {
		return m, false
	}
	month, monthDigits := r.number(2)
	if monthDigits == 0 || !r.char('-') {
		return m, false
	}
	day, dayDigits := r.number(2)
	if dayDigits == 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, time.Month(month)) {
		return m, false
	}
	if r.done() {
		return moment{kind: naiveTime, at: time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)}, true
	}
	small := r.char('t') // RFC 3339 has it, local times do not
	if !small && !r.char('T') && !r.char(' ') {
		return m, false
	}
	hour, hourDigits := r.number(2)
	if hourDigits != 2 || hour > 23 || !r.char(':') {
		return m, false
	}
	minute, minuteDigits := r.number(2)
	if minuteDigits != 2 || minute > 59 {
		return m, false
	}
	second, nano := 0, 0
	seconds := r.char(':')
	if seconds {
		var digits int
		second, digits = r.number(2)
		if digits != 2 || second > 59 {
			return m, false
		}
		if r.char('.') && !r.fraction(&nano) {
			return m, false
		}
	}
	at := time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC)
	if r.done() && !small {
		return moment{kind: naiveTime, at: at}, true
	}
	offset, ok := r.offset()
	if !ok || !r.done() || !seconds || monthDigits != 2 || dayDigits != 2 {
		return m, false
	}
	return moment{kind: instant, at: at.Add(-offset)}, true
}

// dateReader reads a date text from left to right.
type dateReader struct {
	s   string
	pos int
}

func (r *dateReader) done() bool { return r.pos == len(r.s) }

func (r *dateReader) char(c byte) bool {
	if r.pos < len(r.s) && r.s[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

// number reads up to most digits.
func (r *dateReader) number(most int) (n, digits int) {
	for digits < most && r.pos < len(r.s) && '0' <= r.s[r.pos] && r.s[r.pos] <= '9' {
		n = n*10 + int(r.s[r.pos]-'0')
		r.pos++
		digits++
	}
	return n, digits
}

// fraction reads a fraction of a second of up to nine digits.
func (r *dateReader) fraction(nano *int) bool {
	n, digits := r.number(9)
	if digits == 0 {
		return false
	}
	for range 9 - digits {
		n *= 10
	}
	*nano = n
	return true
}

// offset reads Z or ±hh:mm.
func (r *dateReader) offset() (d time.Duration, ok bool) {
	if r.char('Z') || r.char('z') {
		return 0, true
	}
	sign := time.Duration(1)
	if !r.char('+') {
		if !r.char('-') {
			return 0, false
		}
		sign = -1
	}
	hours, hourDigits := r.number(2)
	colon := r.char(':')
	minutes, minuteDigits := r.number(2)
	if hourDigits != 2 || !colon || minuteDigits != 2 || hours > 23 || minutes > 59 {
		return 0, false
	}
	return sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute), true
}
