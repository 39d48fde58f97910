package oracle

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

type dateKind int8

const (
	noDate   dateKind = iota // no parser of the server's reads it
	unclear                  // only its permissive parser could
	instant                  // carries its own offset, or is an epoch
	naive                    // a wall clock in the project's zone
	relative                 // so long before now, on the project's wall clock
)

// date is a date operand. A wall clock is kept in the fields of a UTC time.
type date struct {
	kind  dateKind
	at    time.Time
	count int
	unit  byte // of "hdwmy"
}

var (
	relativeGrammar = regexp.MustCompile(`^-?([0-9]+)([A-Za-z])$`)
	offsetGrammar   = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$`)
	dayGrammar      = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})$`)
	clockGrammar    = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?$`)
	letters         = regexp.MustCompile(`[A-Za-z]+`)
)

// dateWords are what a text without a digit needs, to be read as a date at all.
var dateWords = setOf("now", "today", "tomorrow", "yesterday", "noon", "midnight", "ago", "last", "next", "this",
	"second", "minute", "hour", "day", "week", "month", "year", "seconds", "minutes", "hours", "days", "weeks", "months", "years",
	"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
	"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
	"mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun")

// readDate reads one side. Only a property may be an epoch, and only a text is
// a date otherwise.
func readDate(v any, isFilter bool, s setting) date {
	if n, ok := v.(json.Number); ok && !isFilter {
		return epoch(n)
	}
	t, ok := v.(string)
	if !ok {
		return date{}
	}
	if _, numeric := number(t); numeric && !isFilter {
		return epoch(t)
	}
	if offsetGrammar.MatchString(t) {
		if at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(t)); err == nil {
			return date{kind: instant, at: at}
		}
		return date{kind: unclear}
	}
	if m := dayGrammar.FindStringSubmatch(t); m != nil {
		return wallClock(m[1], m[2], m[3], "0", "0", "0", "")
	}
	if m := clockGrammar.FindStringSubmatch(t); m != nil {
		return wallClock(m[1], m[2], m[3], m[4], m[5], m[6], m[7])
	}
	if m := relativeGrammar.FindStringSubmatch(t); m != nil {
		return readRelative(m[1], m[2], s)
	}
	if strings.ContainsAny(t, "0123456789") {
		return date{kind: unclear}
	}
	for _, w := range letters.FindAllString(t, -1) {
		if dateWords[strings.ToLower(w)] {
			return date{kind: unclear}
		}
	}
	return date{}
}

// epoch keeps the seconds and their fraction apart, as the server does: there is
// no fraction below zero, and no date where it rounds to a second.
func epoch(v any) date {
	f, _ := number(v)
	if math.IsNaN(f) {
		f = 0
	}
	if math.Abs(f) > 8.2e12 { // the calendar ends in the years -262143 and 262142
		return date{}
	}
	seconds := int64(math.Floor(f))
	nanos := math.Round((f - math.Trunc(f)) * 1e9)
	switch {
	case nanos < 0:
		nanos = 0
	case nanos == 1e9 && (seconds%60+60)%60 == 59:
		return date{kind: unclear}
	case nanos == 1e9:
		return date{}
	}
	return date{kind: instant, at: time.Unix(seconds, int64(nanos))}
}

// wallClock is unclear for a day or a time that does not exist.
func wallClock(year, month, day, hour, minute, second, fraction string) date {
	var n [6]int
	for i, s := range []string{year, month, day, hour, minute, second} {
		n[i], _ = strconv.Atoi(s)
	}
	nanos := 0
	if fraction != "" {
		nanos, _ = strconv.Atoi((fraction[1:] + "000000000")[:9])
	}
	at := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], nanos, time.UTC)
	if at.Day() != n[2] || int(at.Month()) != n[1] || at.Hour() != n[3] || at.Minute() != n[4] || at.Second() != n[5] {
		return date{kind: unclear}
	}
	return date{kind: naive, at: at}
}

func readRelative(count, unit string, s setting) date {
	n, err := strconv.Atoi(count)
	if err != nil || n >= 10000 || !strings.Contains("hdwmy", unit) {
		return date{}
	}
	if s.now.IsZero() {
		return date{kind: unclear}
	}
	return date{kind: relative, count: n, unit: unit[0]}
}

// before is the wall clock that lies d.count units before the wall clock now.
func (d date) before(now time.Time) time.Time {
	switch d.unit {
	case 'h':
		return now.Add(-time.Duration(d.count) * time.Hour)
	case 'd':
		return now.AddDate(0, 0, -d.count)
	case 'w':
		return now.AddDate(0, 0, -7*d.count)
	}
	// Months and years are walked one at a time, so that a day that was
	// clamped to the end of a month stays there.
	step := 1
	if d.unit == 'y' {
		step = 12
	}
	year, month, day := now.Date()
	months := year*12 + int(month) - 1
	for range d.count {
		months -= step
		day = min(day, daysIn(months))
	}
	sinceMidnight := now.Sub(time.Date(year, month, now.Day(), 0, 0, 0, 0, time.UTC))
	return time.Date(0, time.Month(months+1), day, 0, 0, 0, 0, time.UTC).Add(sinceMidnight)
}

// daysIn is the length of a month, counted from January of the year 0.
func daysIn(month int) int {
	year, month := floorDiv(month, 12)
	switch month {
	case 3, 5, 8, 10:
		return 30
	case 1:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func floorDiv(a, b int) (quotient, remainder int) {
	remainder = (a%b + b) % b
	return (a - remainder) / b, remainder
}
