package oracle

import (
	"encoding/json"
	"testing"
	"time"
)

func TestNumberText(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "-7": "-7", "1.0": "1.0", "1e3": "1000.0", "-0": "-0.0", "0.5": "0.5", "100": "100",
		"18446744073709551615": "18446744073709551615", "18446744073709551616": "1.8446744073709552e19",
		"1e15": "1000000000000000.0", "1e16": "1e16", "1e21": "1e21", "1.5e300": "1.5e300",
		"0.00001": "0.00001", "0.000001": "1e-6", "123.456": "123.456", "-0.25e-7": "-2.5e-8",
	} {
		if got := numberText(json.Number(in)); got != want {
			t.Errorf("numberText(%s): got %s, want %s", in, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		`"a\"b"`: `a"b`, `null`: "null", `["a\"b",1.0,{"k":[true]}]`: `["a\"b",1.0,{"k":[true]}]`,
		`["\u0001\u007f\n</\u2028"]`: "[\"\\u0001\u007f\\n</\u2028\"]", `{}`: "{}",
	} {
		v, err := parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := text(v); !ok || got != want {
			t.Errorf("text(%s): got %s, want %s", in, got, want)
		}
	}
	if _, ok := text(map[string]any{"a": nil, "b": nil}); ok {
		t.Error("an object with two keys has no settled text")
	}
}

func TestLower(t *testing.T) {
	for in, want := range map[string]string{
		"ÄÖ": "äö", "İ": "i\u0307", "ΌΔΟΣ": "όδος", "ΣΑ Σ": "σα σ", "ΑΣ.": "ας.", "ẞ": "ß", "\u212a": "k",
	} {
		if got := lower(in); got != want {
			t.Errorf("lower(%q): got %q, want %q", in, got, want)
		}
		if got := lower(want); got != want {
			t.Errorf("lower(%q): got %q, want it unchanged", want, got)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		op, filter, property string
		want                 truth
	}{
		{"semver_eq", "1.2.3", "1.2.3+build.5", no},
		{"semver_gt", "1.2.3", "1.2.3+build.5", yes},
		{"semver_gt", "1.2.3+9", "1.2.3+10", yes},
		{"semver_lt", "1.0.0-2", "1.0.0-10", no},
		{"semver_lt", "1.0.0-alpha", "1.0.0-1", yes},
		{"semver_eq", "1.2.0-rc.1", "1.2-rc.1", yes},
		{"semver_eq", "1.2.3", " 1.2.3 ", yes},
		{"semver_eq", "1.2.3", " v1.2.3", no},
		{"semver_eq", "1.2.3", "V1.2.3", no},
		{"semver_neq", "1.2.3", "1.2.3-01", no},
		{"semver_tilde", "1", "1.0.9", yes},
		{"semver_tilde", "1", "1.1.0", no},
		{"semver_caret", "0.2.3", "0.2.9", yes},
		{"semver_caret", "0.2.3", "0.3.0", no},
		{"semver_caret", "0.0.3", "0.0.4", no},
		{"semver_caret", "1.2.3-beta.2", "1.2.3-beta.3", yes},
		{"semver_caret", "1.2.3-beta.2", "1.2.4-beta.3", no},
		{"semver_wildcard", "1.2.3", "1.9.0", yes},
		{"semver_wildcard", "1.2.3", "2.0.0", no},
		{"semver_wildcard", "1.*.3", "1.0.3", no},
		{"semver_wildcard", "*", "1.0.0-alpha", no},
	} {
		if got := match(filter{operator: c.op, value: c.filter}, seen{present, c.property}, setting{}); got != c.want {
			t.Errorf("%s %s of %s: got %v, want %v", c.property, c.op, c.filter, got, c.want)
		}
	}
}

// Relative dates of one length are one instant, also where the zone is not known.
func TestRelativeDatesOfOneLength(t *testing.T) {
	unzoned := setting{now: time.Date(2026, 3, 19, 6, 38, 0, 0, time.UTC)}
	for _, test := range []struct {
		filter, property string
		exact, before    truth
	}{
		{"2w", "2w", yes, no},
		{"14d", "-2w", yes, no},
		{"1m", "1m", yes, no},
		{"1d", "24h", yes, no},
		{"1d", "25h", maybe, maybe},
	} {
		if got := compareDates("is_date_exact", test.filter, test.property, unzoned); got != test.exact {
			t.Errorf("%s is exactly %s: %v, want %v", test.property, test.filter, got, test.exact)
		}
		if got := compareDates("is_date_before", test.filter, test.property, unzoned); got != test.before {
			t.Errorf("%s is before %s: %v, want %v", test.property, test.filter, got, test.before)
		}
	}
}
