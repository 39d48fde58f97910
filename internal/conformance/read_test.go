package conformance

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

const oneCase = `{"id":"c1","category":"rollout","now":"2026-11-21T12:00:00Z","timezone":"Europe/Berlin","complete":["person","group:company"],` +
	`"definitions":{"flags":[], "n":1.0},"calls":[{"distinct_id":"u","device_id":null,"groups":{"company":"acme"},` +
	`"person_properties":{"age":1.0},"group_properties":{"company":{"seats":2}}}],"expected":[{"f":{"value":true}}]}`

func readAll(r io.Reader) (cases []*Case, err error) {
	for c, err := range Read(r) {
		if err != nil {
			return cases, err
		}
		cases = append(cases, c)
	}
	return cases, nil
}

func TestReadKeepsWhatIsWritten(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, oneCase+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.Reader{
		"plain":   strings.NewReader("\n" + oneCase + "\n\n" + oneCase),
		"gzipped": &packed,
	} {
		cases, err := readAll(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c := cases[len(cases)-1]
		if got, want := string(c.Definitions), `{"flags":[], "n":1.0}`; got != want {
			t.Errorf("%s: definitions = %s, want %s", name, got, want)
		}
		if got, want := c.Calls[0].PersonProperties["age"], json.Number("1.0"); got != want {
			t.Errorf("%s: age = %#v, want %#v", name, got, want)
		}
		subject, err := c.Subject(0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !subject.CompletePerson || len(subject.CompleteGroups) != 1 || subject.CompleteGroups[0] != "company" {
			t.Errorf("%s: complete = %v, %v, want the person and company", name, subject.CompletePerson, subject.CompleteGroups)
		}
		if subject.Now.IsZero() || subject.DistinctID != "u" || subject.Groups["company"] != "acme" {
			t.Errorf("%s: subject = %+v, want that of the call", name, subject)
		}
	}
}

func TestReadNamesTheLine(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"not JSON", oneCase + "\nnonsense\n", "line 2: decode case"},
		{"not a case", `{"flags":[]}`, "line 1: not a case"},
		{"cut off", oneCase + "\n" + oneCase[:100], "line 2: decode case"},
		{"too long", oneCase + "\n" + strings.Repeat(" ", maxLine+1), "line 2: longer than 64 MiB"},
		{"broken gzip", "\x1f\x8bnonsense", "gzip"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readAll(strings.NewReader(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}
