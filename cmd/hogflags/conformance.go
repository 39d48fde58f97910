package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"

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
	var tally conformance.Tally
	if err := c.judgeAll(std, &tally); err != nil {
		return err
	}
	if tally.Total.Cases == 0 {
		return badInput("", "no cases in %v", c.Files)
	}

	var err error
	if c.JSON {
		err = writeJSON(std.out, newConformanceReport(&tally))
	} else {
		err = c.print(std.out, &tally)
	}
	if err != nil {
		return fmt.Errorf("print counts: %w", err)
	}
	if tally.Wrong() > 0 {
		return found(exitFinding)
	}
	return nil
}

// judgeAll judges the cases of all files and writes the answers to --out.
func (c *conformanceCmd) judgeAll(std console, tally *conformance.Tally) (err error) {
	results := bufio.NewWriter(io.Discard)
	if c.Out != "" {
		file, err2 := os.Create(c.Out)
		if err2 != nil {
			return badInput("", "write results: %w", err2)
		}
		results.Reset(file)
		defer func() {
			if failed := errors.Join(results.Flush(), file.Close()); failed != nil && err == nil {
				err = fmt.Errorf("write results: %w", failed)
			}
		}()
	}
	for _, name := range c.Files {
		if err := c.judge(name, std, tally, json.NewEncoder(results)); err != nil {
			return err
		}
	}
	return nil
}

// resultLine is a line of --out: for each call, the answers by flag key.
type resultLine struct {
	ID      string                          `json:"id"`
	Results []map[string]conformance.Answer `json:"results"`
}

func (c *conformanceCmd) judge(name string, std console, tally *conformance.Tally, out *json.Encoder) error {
	in, closeInput, err := std.open(name)
	if err != nil {
		return badInput("", "read cases: %w", err)
	}
	defer closeInput()
	for test, err := range conformance.Read(in) {
		if err != nil {
			return badInput("", "read cases: %s: %w", name, err)
		}
		line := resultLine{ID: test.ID, Results: tally.Add(test)}
		if line.Results == nil {
			line.Results = []map[string]conformance.Answer{} // it could not be run; the report says why
		}
		if err := out.Encode(line); err != nil {
			return fmt.Errorf("write results: %w", err)
		}
	}
	return nil
}

func (c *conformanceCmd) print(w io.Writer, tally *conformance.Tally) error {
	p := printer{w: w}
	rows := [][]string{{"category", "cases", "answers", "right", "inconclusive", "misses", "miss rate", "failures", "payload", "reason"}}
	row := func(name string, n conformance.Count) {
		cells := []string{name, strconv.Itoa(n.Cases), strconv.Itoa(n.Answers)}
		for _, verdict := range []conformance.Verdict{conformance.Right, conformance.RightInconclusive, conformance.Miss} {
			cells = append(cells, strconv.Itoa(n.By[verdict]))
		}
		cells = append(cells, fmt.Sprintf("%.2f %%", 100*n.Rate(conformance.Miss)))
		for _, verdict := range []conformance.Verdict{conformance.Failure, conformance.PayloadFailure, conformance.ReasonDiffers} {
			cells = append(cells, strconv.Itoa(n.By[verdict]))
		}
		rows = append(rows, cells)
	}
	for _, name := range slices.Sorted(maps.Keys(tally.Categories)) {
		row(name, *tally.Categories[name])
	}
	row("all", tally.Total)
	p.numbers(rows)

	worst := slices.SortedStableFunc(slices.Values(tally.Differences), func(a, b conformance.Difference) int {
		return int(b.Verdict) - int(a.Verdict)
	})
	for i, difference := range worst {
		if i >= c.List {
			p.printf("… and %d more (--list)\n", len(worst)-i)
			break
		}
		p.printf("%v\n", difference)
	}
	return p.err
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
