package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/hogflags/hogflags/internal/conformance"
)

type conformanceCmd struct {
	Files []string `arg:"" name:"file" help:"Case files: JSON Lines, gzipped or not; - is standard input."`
	Out   string   `placeholder:"FILE" help:"Write every answer, one line of JSON a case."`
	List  int      `default:"20" help:"How many differences to list, the worst first."`
	JSON  bool     `help:"Print the counts as JSON."`
}

// Help is the longer text of --help.
func (*conformanceCmd) Help() string {
	return `Exit codes:

    0  no conclusive answer is wrong
    1  a conclusive answer, or its payload, is wrong
    2  the command line or a file cannot be used`
}

// Run judges every case of every file.
func (c *conformanceCmd) Run(std console) error {
	sink := io.Discard
	if c.Out != "" {
		file, err := os.Create(c.Out)
		if err != nil {
			return badInput("", "write results: %w", err)
		}
		defer file.Close()
		sink = file
	}
	results := bufio.NewWriter(sink)

	var tally conformance.Tally
	for _, name := range c.Files {
		if err := c.judge(name, std, &tally, json.NewEncoder(results)); err != nil {
			return err
		}
	}
	if err := results.Flush(); err != nil {
		return badInput("", "write results: %w", err)
	}
	if tally.Total.Cases == 0 {
		return badInput("", "no cases in %v", c.Files)
	}

	if err := c.print(std.out, &tally); err != nil {
		return err
	}
	if tally.Wrong() > 0 {
		return found(exitFinding)
	}
	return nil
}

// resultLine is a line of --out: for each call, the answers by flag key.
type resultLine struct {
	ID      string                          `json:"id"`
	Results []map[string]conformance.Answer `json:"results"`
}

func (c *conformanceCmd) judge(name string, std console, tally *conformance.Tally, out *json.Encoder) error {
	in := std.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return badInput("", "read cases: %w", err)
		}
		defer file.Close()
		in = file
	}
	for test, err := range conformance.Read(in) {
		if err != nil {
			return badInput("", "read cases: %s: %w", name, err)
		}
		line := resultLine{ID: test.ID, Results: tally.Add(test)}
		if line.Results == nil {
			line.Results = []map[string]conformance.Answer{} // it could not be run; the report says why
		}
		if err := out.Encode(line); err != nil {
			return badInput("", "write results: %w", err)
		}
	}
	return nil
}

func (c *conformanceCmd) print(w io.Writer, tally *conformance.Tally) error {
	if c.JSON {
		return writeJSON(w, newConformanceReport(tally))
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "category\tcases\tanswers\tright\tinconclusive\tmisses\tmiss rate\tfailures\tpayload\treason\t")
	row := func(name string, n conformance.Count) {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%.2f %%\t%d\t%d\t%d\t\n", name, n.Cases, n.Answers,
			n.By[conformance.Right], n.By[conformance.RightInconclusive], n.By[conformance.Miss], 100*n.Rate(conformance.Miss),
			n.By[conformance.Failure], n.By[conformance.PayloadFailure], n.By[conformance.ReasonDiffers])
	}
	for _, name := range slices.Sorted(maps.Keys(tally.Categories)) {
		row(name, *tally.Categories[name])
	}
	row("all", tally.Total)
	if err := table.Flush(); err != nil {
		return err
	}

	worst := slices.SortedStableFunc(slices.Values(tally.Differences), func(a, b conformance.Difference) int {
		return int(b.Verdict) - int(a.Verdict)
	})
	for i, difference := range worst {
		if i >= c.List {
			fmt.Fprintf(w, "… and %d more (--list)\n", len(worst)-i)
			break
		}
		fmt.Fprintln(w, difference)
	}
	return nil
}

// conformanceReport is the --json form of the table.
type conformanceReport struct {
	Total      categoryReport            `json:"total"`
	Categories map[string]categoryReport `json:"categories"`
}

type categoryReport struct {
	Cases             int `json:"cases"`
	Answers           int `json:"answers"`
	Right             int `json:"right"`
	Inconclusive      int `json:"inconclusive"`
	Misses            int `json:"misses"`
	Failures          int `json:"failures"`
	PayloadFailures   int `json:"payload_failures"`
	ReasonDifferences int `json:"reason_differences"`
}

func newConformanceReport(tally *conformance.Tally) conformanceReport {
	report := func(n conformance.Count) categoryReport {
		return categoryReport{
			Cases: n.Cases, Answers: n.Answers,
			Right: n.By[conformance.Right], Inconclusive: n.By[conformance.RightInconclusive], Misses: n.By[conformance.Miss],
			Failures: n.By[conformance.Failure], PayloadFailures: n.By[conformance.PayloadFailure], ReasonDifferences: n.By[conformance.ReasonDiffers],
		}
	}
	categories := map[string]categoryReport{}
	for name, n := range tally.Categories {
		categories[name] = report(*n)
	}
	return conformanceReport{Total: report(tally.Total), Categories: categories}
}
