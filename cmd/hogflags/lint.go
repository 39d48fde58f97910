package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hogflags/hogflags/internal/answerjson"
	"github.com/hogflags/hogflags/rules"
)

type lintCmd struct {
	source `embed:""`
	JSON   bool `help:"Print JSON."`
}

// Help is the longer text of --help.
func (*lintCmd) Help() string {
	return `The exit code goes by the worst finding.

Exit codes:

    0  nothing, or information only
    1  warnings: a flag needs the server for some answers, or does not work as it looks
    2  the command line or the definitions cannot be used
    3  errors: a flag is broken
    4  PostHog did not hand out definitions`
}

// Run checks every flag.
func (c *lintCmd) Run(ctx context.Context, std console) error {
	set, err := c.compile(ctx, std)
	if err != nil {
		return err
	}
	findings := set.Check()
	report := newLintReport(set, findings)
	if c.JSON {
		err = writeJSON(std.out, report)
	} else {
		err = report.print(std.out)
	}
	if err != nil {
		return fmt.Errorf("print findings: %w", err)
	}

	worst := rules.Info
	for _, finding := range findings {
		worst = max(worst, finding.Severity)
	}
	switch worst {
	case rules.Error:
		return found(exitBroken)
	case rules.Warning:
		return found(exitFinding)
	default:
		return nil
	}
}

// unusable is the code of a finding about a flag that cannot be evaluated.
const unusable = "unusable-flag"

// lintReport is what --json prints.
type lintReport struct {
	Document []findingJSON `json:"document"` // findings outside of any flag
	Flags    []*lintFlag   `json:"flags"`    // all of them, in the order of the document
}

type lintFlag struct {
	Key      string        `json:"key"`
	Local    bool          `json:"local"`  // decided locally whenever what it needs is supplied
	Needs    []string      `json:"needs"`  // what a caller has to supply for that
	Server   []string      `json:"server"` // what the server alone knows
	Findings []findingJSON `json:"findings"`
}

type findingJSON struct {
	Severity string `json:"severity"`
	Path     string `json:"path"`
	Code     string `json:"code"`
	Message  string `json:"message"`
}

func newLintReport(set *rules.Set, findings []rules.Finding) lintReport {
	report := lintReport{Document: []findingJSON{}, Flags: []*lintFlag{}}
	index := map[string]*lintFlag{}
	for _, key := range set.Keys() {
		supply, server := set.Needs(key)
		index[key] = &lintFlag{
			Key: key, Local: len(server) == 0, Needs: answerjson.Texts(supply), Server: answerjson.Texts(server), Findings: []findingJSON{},
		}
		report.Flags = append(report.Flags, index[key])
	}
	for _, f := range findings {
		finding := findingJSON{f.Severity.String(), f.Path, f.Code, f.Message}
		if flag := index[f.Flag]; flag != nil {
			flag.Findings = append(flag.Findings, finding)
			if f.Code == unusable {
				flag.Local = false // also of a flag that is switched off, which needs nothing
			}
		} else {
			report.Document = append(report.Document, finding)
		}
	}
	return report
}

func (r lintReport) print(w io.Writer) error {
	p := printer{w: w}
	counts := map[string]int{}
	section := func(title string, findings []findingJSON) {
		rows := make([][]string, len(findings))
		for i, f := range findings {
			rows[i] = []string{f.Severity, f.Code, f.Path, f.Message}
			counts[f.Severity]++
		}
		p.printf("%s\n", title)
		p.table("  ", rows)
	}
	if len(r.Document) > 0 {
		section("the document", r.Document)
	}
	local := 0
	for _, flag := range r.Flags {
		if flag.Local {
			local++
		}
		section(flag.title(), flag.Findings)
	}
	p.printf("\n%d of %d flags can be decided locally for every subject; %d errors, %d warnings, %d notes\n",
		local, len(r.Flags), counts["error"], counts["warning"], counts["info"])
	return p.err
}

func (f *lintFlag) title() string {
	switch {
	case slices.ContainsFunc(f.Findings, func(f findingJSON) bool { return f.Code == unusable }):
		return f.Key + ": cannot be evaluated"
	case !f.Local:
		return f.Key + ": needs the server for " + strings.Join(f.Server, ", ")
	case len(f.Needs) > 0:
		return f.Key + ": local, given " + strings.Join(f.Needs, ", ")
	default:
		return f.Key + ": local"
	}
}
