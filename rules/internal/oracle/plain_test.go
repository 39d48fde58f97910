package oracle

import (
	"fmt"
	"testing"
	"time"
)

// TestUnknownZone walks both ends of the offsets that a project may have.
func TestUnknownZone(t *testing.T) {
	now := time.Date(2024, 6, 15, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		op, filter, property string
		want                 truth
	}{
		// Noon somewhere is 22:00 of the day before to midnight, in UTC.
		{"is_date_after", "2024-06-14T21:59:59Z", "2024-06-15 12:00:00", yes},
		{"is_date_after", "2024-06-14T22:00:00Z", "2024-06-15 12:00:00", maybe},
		{"is_date_after", "2024-06-15T23:59:59Z", "2024-06-15 12:00:00", maybe},
		{"is_date_after", "2024-06-16T00:00:00Z", "2024-06-15 12:00:00", no},
		{"is_date_before", "2024-06-15 12:00:00", "2024-06-14T21:59:59Z", yes},
		{"is_date_before", "2024-06-15 12:00:00", "2024-06-14T22:00:00Z", maybe},
		{"is_date_exact", "2024-06-15 12:00:00", "2024-06-14T21:59:59Z", no},
		{"is_date_exact", "2024-06-15 12:00:00", "2024-06-14T22:00:00Z", maybe},
		{"is_date_exact", "2024-06-15 12:00:00", "2024-06-15T11:07:30Z", maybe},
		// Two wall clocks stand in one order everywhere.
		{"is_date_exact", "2024-06-15 12:00:00", "2024-06-15T12:00", yes},
		{"is_date_before", "2024-06-15 12:00:01", "2024-06-15T12:00", yes},
		// The zone may have had another offset a day ago.
		{"is_date_after", "1d", "2024-06-15T14:00:01Z", yes},
		{"is_date_after", "1d", "2024-06-15T14:00:00Z", maybe},
		{"is_date_before", "1d", "2024-06-13T10:00:00Z", maybe},
		{"is_date_before", "1d", "2024-06-13T09:59:59Z", yes},
	} {
		f := filter{operator: c.op, value: c.filter}
		if got := match(f, seen{present, c.property}, setting{now: now}); got != c.want {
			t.Errorf("%s %s of %s: got %v, want %v", c.property, c.op, c.filter, got, c.want)
		}
	}
}

// TestNarrowReadings are projects for which a quick reading of the rules decides too much.
func TestNarrowReadings(t *testing.T) {
	call := Call{DistinctID: "u"}
	for _, c := range []struct {
		name, flags string
		call        Call
		want        any
	}{
		{"a server without a device id leaves out who would get one of several variants",
			`{"key":"t","bucketing_identifier":"device_id","filters":{"groups":[{"rollout_percentage":100}],
				"multivariate":{"variants":[{"key":"a","rollout_percentage":50},{"key":"b","rollout_percentage":50}]}}},
			{"key":"f","filters":{"groups":[{"properties":[{"key":"t","type":"flag","operator":"flag_evaluates_to","value":true}]}]}}`,
			call, Inconclusive},
		{"with one variant it does not",
			`{"key":"f","bucketing_identifier":"device_id","filters":{"groups":[{"rollout_percentage":100}],
				"multivariate":{"variants":[{"key":"a","rollout_percentage":100},{"key":"b","rollout_percentage":0}]}}}`,
			call, "a"},
		{"without a stored identifier an empty one is hashed to 0",
			`{"key":"f","ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":0}]}}`,
			Call{}, Inconclusive},
		{"nobody else is at 0",
			`{"key":"f","ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":0}]}}`,
			call, false},
		{"GeoIP fills in for null",
			`{"key":"f","filters":{"groups":[{"properties":[{"key":"$geoip_city_name","operator":"is_not","value":"Oslo"}]}]}}`,
			Call{PersonProperties: map[string]any{"$geoip_city_name": nil}}, Inconclusive},
		{"what an inactive flag rests on does not matter",
			`{"key":"t","active":false,"filters":{"groups":[{"properties":[{"key":"gone","type":"flag","operator":"flag_evaluates_to","value":true}]}]}},
			{"key":"f","filters":{"groups":[{"properties":[{"key":"t","type":"flag","operator":"flag_evaluates_to","value":false}]}]}}`,
			call, true},
		{"what an active one rests on does",
			`{"key":"t","filters":{"groups":[{"rollout_percentage":0,"properties":[{"key":"gone","type":"flag","operator":"flag_evaluates_to","value":true}]}]}},
			{"key":"f","filters":{"groups":[{"properties":[{"key":"t","type":"flag","operator":"flag_evaluates_to","value":false}]}]}}`,
			call, Inconclusive},
	} {
		p, err := Read(fmt.Appendf(nil, `{"flags":[%s]}`, c.flags))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Evaluate(c.call, Options{})["f"]; got.Value != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
