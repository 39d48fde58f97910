package conformance

import (
	"fmt"
	"maps"
	"slices"
)

// Count is how many answers got which verdict.
type Count struct {
	Cases   int
	Answers int
	By      [Failure + 1]int
}

// Rate is the share of answers with a verdict, from 0 to 1.
func (c Count) Rate(v Verdict) float64 {
	if c.Answers == 0 {
		return 0
	}
	return float64(c.By[v]) / float64(c.Answers)
}

// Tally adds up judgements per category. The zero value is empty.
type Tally struct {
	Total       Count
	Categories  map[string]*Count
	Differences []Difference // the answers that differ, in the order of the cases
}

// Add runs a case, judges its answers and returns them.
func (t *Tally) Add(c *Case) []map[string]Answer {
	if t.Categories == nil {
		t.Categories = map[string]*Count{}
	}
	category := t.Categories[c.Category]
	if category == nil {
		category = &Count{}
		t.Categories[c.Category] = category
	}
	category.Cases++
	t.Total.Cases++

	results, err := c.Run()
	if err == nil && len(c.Expected) != len(c.Calls) {
		err = fmt.Errorf("%d calls, but %d expected answers", len(c.Calls), len(c.Expected))
	}
	if err != nil {
		// Nothing of it can be trusted.
		for _, expected := range c.Expected {
			for range expected {
				t.count(category, Failure)
			}
		}
		t.Differences = append(t.Differences, Difference{Case: c.ID, Verdict: Failure, Err: err})
		return nil
	}

	for i, expected := range c.Expected {
		for _, key := range slices.Sorted(maps.Keys(expected)) {
			got, verdict := results[i][key], Failure // also for a flag that is not there
			if got.Value != nil {
				verdict = Judge(got, expected[key])
			}
			t.count(category, verdict)
			if verdict > RightInconclusive {
				t.Differences = append(t.Differences, Difference{
					Case: c.ID, Call: i, Flag: key, Verdict: verdict, Got: got, Want: expected[key],
				})
			}
		}
	}
	return results
}

func (t *Tally) count(category *Count, v Verdict) {
	for _, c := range []*Count{category, &t.Total} {
		c.Answers++
		c.By[v]++
	}
}

// Wrong is how many answers would have misled an application.
func (t *Tally) Wrong() int { return t.Total.By[Failure] + t.Total.By[PayloadFailure] }
