package rules_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/rules"
	"github.com/hogflags/hogflags/rules/internal/oracle"
)

// TestServerAnswers compares filters with what PostHog's server made of them.
// The file has a line for each filter: the server's answer (T, F, or E for an
// error, which does not match; with a ? where the evaluator may leave it open),
// the project's time zone, the clock, the filter's fields and the property, if
// there is one. The answers were computed in November 2026 by the property
// matching of the server's crate feature-flags as of autumn 2026, with
// serde_json 1.0.154, semver 1.0.28, chrono 0.4.45 and dateparser 0.2.1, for
// random and contrived operands.
func TestServerAnswers(t *testing.T) {
	total, open := 0, 0
	for lines := bufio.NewScanner(gunzip(t, "testdata/server.tsv.gz")); lines.Scan(); total++ {
		fields := strings.Split(lines.Text(), "\t")
		answer, mayBeOpen := strings.CutPrefix(fields[0], "?")
		got := serverCase(t, fields[1], fields[2], fields[3], fields[4])
		switch {
		case got.Status == rules.Inconclusive:
			if open++; !mayBeOpen {
				t.Errorf("%s: left open: %v", lines.Text(), got.Missing)
			}
		case got.Value() != (answer == "T"):
			t.Errorf("%s: got %v", lines.Text(), got.Value())
		}
	}
	t.Logf("%d filters, %d left open", total, open)
}

func serverCase(t *testing.T, zone, now, filter, property string) rules.Answer {
	t.Helper()
	if filter != "" {
		filter = "," + filter
	}
	var o oracle.Options
	var err error
	if o.TimeZone, err = time.LoadLocation(zone); err != nil {
		t.Fatal(err)
	}
	if now != "" {
		if o.Now, err = time.Parse(time.RFC3339Nano, now); err != nil {
			t.Fatal(err)
		}
	}
	s := &rules.Subject{CompletePerson: true, Now: o.Now, PersonProperties: map[string]any{}}
	if property != "" {
		s.PersonProperties["p"] = asWritten(t, property)
	}
	return compile(t, document([]string{flagOn("f", `{"key":"p","type":"person"`+filter+`}`)}), o).Evaluate("f", s)
}

// asWritten reads JSON and keeps numbers as they are written.
func asWritten(t *testing.T, s string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestUnsettledGroupKey holds that a number of which the server's text is not
// settled is not hashed.
func TestUnsettledGroupKey(t *testing.T) {
	const definitions = `{"flags":[{"id":1,"key":"f","active":true,"filters":{"aggregation_group_type_index":0,"groups":[{"rollout_percentage":%d}]}}],
		"group_type_mapping":{"0":"company"}}`
	for _, test := range []struct {
		rollout int
		key     any
		want    any
	}{
		{100, 1e16 * 1e6, true},
		{50, 1e16 * 1e6, nil},
		{50, json.Number("1e16"), nil},
		{50, json.Number("9007199254740993.0"), nil},
		{100, json.Number("9007199254740993.0"), true},
	} {
		set := compile(t, fmt.Appendf(nil, definitions, test.rollout), oracle.Options{})
		got := set.Evaluate("f", &rules.Subject{Groups: map[string]any{"company": test.key}})
		if got.Value() != test.want {
			t.Errorf("%d %% of %v: got %v, want %v", test.rollout, test.key, got.Value(), test.want)
		}
	}
}

// gunzip opens a file of what PostHog's server answered.
func gunzip(t *testing.T, path string) io.Reader {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
