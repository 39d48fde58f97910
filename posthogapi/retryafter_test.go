package posthogapi

import (
	"math"
	"net/http"
	"testing"
	"time"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	const longest = math.MaxInt64 / time.Second * time.Second
	tests := []struct {
		name        string
		value, date string
		want        time.Duration
	}{
		{"none", "", "", 0},
		{"seconds", "120", "", 2 * time.Minute},
		{"blanks around", " 7 ", "", 7 * time.Second},
		{"zero", "0", "", 0},
		{"negative", "-5", "", 0},
		{"a fraction is not in the grammar", "1.5", "", 0},
		{"more than a duration holds", "9223372036854775807", "", longest},
		{"more than an int64 holds", "99999999999999999999999", "", longest},
		{"date", "Sat, 21 Nov 2026 12:01:30 GMT", "", 90 * time.Second},
		{"date past", "Sat, 21 Nov 2026 11:59:00 GMT", "", 0},
		{"date on the server's clock", "Sat, 21 Nov 2026 15:01:00 GMT", "Sat, 21 Nov 2026 15:00:00 GMT", time.Minute},
		{"date beside a broken Date", "Sat, 21 Nov 2026 12:01:00 GMT", "yesterday", time.Minute},
		{"obsolete date form", "Saturday, 21-Nov-26 12:01:00 GMT", "", time.Minute},
		{"words", "soon", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			h.Set("Retry-After", tt.value)
			h.Set("Date", tt.date)
			if got := parseRetryAfter(h, now); got != tt.want {
				t.Errorf("parseRetryAfter(%q) = %v, want %v", tt.value, got, tt.want)
			}
		})
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("Sat, 21 Nov 2026 12:01:30 GMT", "Sat, 21 Nov 2026 12:00:00 GMT")
	f.Add("9223372036854775808", "Fri, 31 Dec 9999 23:59:59 GMT")
	f.Fuzz(func(t *testing.T, value, date string) {
		h := http.Header{"Retry-After": {value}, "Date": {date}}
		if got := parseRetryAfter(h, time.Now()); got < 0 {
			t.Errorf("parseRetryAfter(%q, %q) = %v, which is negative", value, date, got)
		}
	})
}
