package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/rules"
)

// comparison is a row of the README's table, with the flag that it is about.
type comparison struct {
	Row        string          `json:"row"`
	Filters    json.RawMessage `json:"filters"`
	Properties map[string]any  `json:"properties"`
	Continuity bool            `json:"continuity"`
	TimeZone   string          `json:"timezone"`

	key   string
	cells map[string]string // by column, without what makes them bold
}

type question struct {
	Flag             string         `json:"flag"`
	DistinctID       string         `json:"distinctId"`
	PersonProperties map[string]any `json:"personProperties"`
}

// comparisons are the rows of table.json, with their cells in the README. Each
// side has to have what the other has.
func comparisons(t *testing.T) []*comparison {
	t.Helper()
	file, err := os.ReadFile("table.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []*comparison
	if err := json.Unmarshal(file, &rows); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(readme), "\n| the flag asks for, and the caller gives |")
	if !ok {
		t.Fatal("the README has no table to compare with")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	lines := strings.Split(table, "\n")
	split := func(line string) (cells []string) {
		for cell := range strings.SplitSeq(strings.Trim(line, "| "), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		return cells
	}
	columns := split(lines[0])
	if len(lines)-2 != len(rows) {
		t.Fatalf("the README's table has %d rows, table.json %d", len(lines)-2, len(rows))
	}
	for i, line := range lines[2:] {
		cells := split(line)
		row := rows[i]
		if cells[0] != row.Row {
			t.Fatalf("row %d is %q in the README, and %q in table.json", i+1, cells[0], row.Row)
		}
		row.key = fmt.Sprintf("row-%d", i+1)
		row.cells = map[string]string{}
		for j, cell := range cells[1:] {
			row.cells[columns[j]] = strings.NewReplacer("*", "", "`", "").Replace(cell)
		}
		if row.Properties["$feature_enrollment/KEY"] != nil {
			row.Properties = map[string]any{"$feature_enrollment/" + row.key: "true"}
		}
	}
	return rows
}

func document(t *testing.T, rows []*comparison) []byte {
	t.Helper()
	var flags []map[string]any
	for i, row := range rows {
		flags = append(flags, map[string]any{
			"id": i + 1, "key": row.key, "name": row.Row, "active": true, "deleted": false, "version": 1,
			"ensure_experience_continuity": row.Continuity, "filters": row.Filters,
		})
	}
	body, err := json.Marshal(map[string]any{
		"flags": flags, "group_type_mapping": map[string]string{}, "property_matching_version": 1,
		"cohorts": map[string]any{"1": map[string]any{"type": "OR", "values": []any{
			map[string]any{"type": "AND", "values": []any{map[string]any{"key": "plan", "type": "person", "operator": "exact", "value": "pro"}}},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// cell is an answer as the table writes it; nil is one that is left to the server.
func cell(value any) string {
	switch value {
	case true:
		return "on"
	case false:
		return "off"
	case nil:
		return "asks"
	}
	return fmt.Sprint(value)
}

// The README's table says of each SDK what it does. Here it does it.
func TestTableOfSDKs(t *testing.T) {
	for column, file := range map[string]string{
		"posthog-node 5.70.0":   "posthog-node-table.mjs",
		"posthog-python 7.91.1": "posthog-python-table.py",
	} {
		t.Run(column, func(t *testing.T) {
			client(t, file)
			rows := comparisons(t)
			posthog := posthogtest.New(t)
			posthog.SetDefinitions(document(t, rows))
			var questions []question
			for _, row := range rows {
				questions = append(questions, question{row.key, "ada", row.Properties})
			}
			answers := run[[]any](t, file, map[string]any{
				"host": posthog.URL, "token": posthogtest.ProjectToken, "secretKey": posthogtest.SecretKey, "questions": questions,
			})
			for i, row := range rows {
				want, ok := row.cells[column]
				if !ok {
					t.Fatalf("the README's table has no column %q", column)
				}
				if got := cell(answers[i]); got != want {
					t.Errorf("%s: it says %s, the README %s", row.Row, got, want)
				}
			}
		})
	}
}

// The column of hogflags needs nothing installed.
func TestTableOfHogflags(t *testing.T) {
	rows := comparisons(t)
	defs, err := flagdef.Parse(document(t, rows))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		var opts rules.Options
		if row.TimeZone != "" {
			if opts.TimeZone, err = time.LoadLocation(row.TimeZone); err != nil {
				t.Fatal(err)
			}
		}
		set := rules.Compile(defs, opts)
		answer := set.Evaluate(row.key, &rules.Subject{DistinctID: "ada", PersonProperties: row.Properties, Now: time.Now()})
		got := "inconclusive"
		if answer.Status == rules.Decided {
			got = cell(answer.Value())
		}
		if want := row.cells["hogflags"]; got != want {
			t.Errorf("%s: it says %s, the README %s", row.Row, got, want)
		}
		if server := row.cells["PostHog's server"]; got != "inconclusive" && !slices.Contains(strings.Split(server, " or "), got) {
			t.Errorf("%s: it says %s, the README has PostHog say %s", row.Row, got, server)
		}
	}
}
