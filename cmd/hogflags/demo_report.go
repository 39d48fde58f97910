package main

import (
	"fmt"
	"time"

	"github.com/hogflags/hogflags"
)

// demoSubject is somebody to evaluate for.
type demoSubject struct {
	name, who string
	subject   hogflags.Subject
}

func demoSubjects() []demoSubject {
	return []demoSubject{
		{"ada", "pro, DE, company bakery", hogflags.Subject{
			DistinctID: "ada", DeviceID: "device-1",
			PersonProperties: map[string]any{
				"email": "ada@bakery.example", "plan": "pro", "country": "DE", "app_version": "4.3.1", "notes": 240,
				"trial": false, "last_seen_at": time.Now().Add(-48 * time.Hour), "asked_for_ai": true,
			},
			Groups:          map[string]any{"company": "bakery"},
			GroupProperties: map[string]map[string]any{"company": {"plan": "enterprise", "seats": 40}},
		}},
		{"margaret", "free, US, staff", hogflags.Subject{
			DistinctID: "margaret", DeviceID: "device-2", CompletePerson: true,
			PersonProperties: map[string]any{
				"email": "margaret@hedgehog.example", "plan": "free", "country": "US", "app_version": "4.1.9", "notes": 7,
				"trial": true, "last_seen_at": time.Now().Add(-90 * 24 * time.Hour),
			},
		}},
		{"visitor", "nothing known", hogflags.Subject{DistinctID: "visitor-7", DeviceID: "device-3"}},
	}
}

// demoReport is what --json prints.
type demoReport struct {
	URL       string                    `json:"url"`
	Leader    string                    `json:"leader"`     // at first
	Answers   map[string]map[string]any `json:"answers"`    // by subject and flag; null: inconclusive
	Changes   []demoChange              `json:"changes"`    // after the edit
	ArrivedMS int64                     `json:"arrived_ms"` // from the edit to the leader
	SpreadMS  float64                   `json:"spread_ms"`  // from the first client to the last
	Outage    demoOutage                `json:"outage"`
	Takeover  demoTakeover              `json:"takeover"`
	Requests  demoRequests              `json:"requests"`
}

type demoChange struct {
	Flag    string `json:"flag"`
	Subject string `json:"subject"`
	Before  any    `json:"before"`
	After   any    `json:"after"`
}

type demoOutage struct {
	State   string `json:"state"`
	Decided int    `json:"decided"` // flags that were still decided for the first subject
}

// demoTakeover is how the fleet went on after its leader was killed.
type demoTakeover struct {
	Killed   string `json:"killed"`
	Leader   string `json:"leader"` // the next one
	MS       int64  `json:"ms"`     // until it had asked PostHog
	Requests int    `json:"requests"`
}

// demoRequests are those that PostHog got, and would have got from SDKs that
// poll each by itself.
type demoRequests struct {
	Seconds float64 `json:"seconds"`
	Fleet   int     `json:"fleet"`
	Apart   int     `json:"apart"`
}

func (d *demo) table(answers map[string]map[string]any) [][]string {
	head := []string{"FLAG"}
	who := []string{""}
	for _, s := range d.subjects {
		head, who = append(head, s.name), append(who, s.who)
	}
	rows := [][]string{head, who}
	for _, key := range d.keys(answers) {
		row := []string{key}
		for _, s := range d.subjects {
			row = append(row, demoText(answers[s.name][key]))
		}
		rows = append(rows, row)
	}
	return rows
}

func (d *demo) differences(before, after map[string]map[string]any) []demoChange {
	changes := []demoChange{}
	for _, key := range d.keys(after) {
		for _, s := range d.subjects {
			if was, is := before[s.name][key], after[s.name][key]; was != is {
				changes = append(changes, demoChange{key, s.name, was, is})
			}
		}
	}
	return changes
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func requests(n int) string {
	if n == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", n)
}

func demoText(value any) string {
	if value == nil {
		return "?"
	}
	return fmt.Sprint(value)
}
