package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/hogflags/hogflags/rules"
)

type lintCmd struct {
	source `embed:""`
	JSON   bool `help:"Print the findings as JSON."`
}

// Help is the longer text of --help.
func (*lintCmd) Help() string {
	return `Exit codes, by the worst finding:

    0  nothing, or notes only
    1  warnings: PostHog's server is needed for some answers, or a part of a flag has no effect
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
	groups := byFlag(set)
	if c.JSON {
		err = writeJSON(std.out, groups)
	} else {
		err = printFindings(std.out, groups)
	}
	if err != nil {
		return fmt.Errorf("print findings: %w", err)
	}

	worst := rules.Info
	for _, group := range groups {
		worst = max(worst, group.worst)
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

// flagFindings is what there is to say about one flag.
type flagFindings struct {
	Flag     string        `json:"flag"` // "" for what concerns the whole document
	Findings []findingJSON `json:"findings"`
	worst    rules.Severity
}

type findingJSON struct {
	Severity string `json:"severity"`
	Path     string `json:"path"`
	Code     string `json:"code"`
	Message  string `json:"message"`
}

// byFlag groups the findings: the document's first, then every flag in the
// order of the document, also those without a finding.
func byFlag(set *rules.Set) []*flagFindings {
	groups := []*flagFindings{{Findings: []findingJSON{}}}
	index := map[string]*flagFindings{"": groups[0]}
	for _, key := range set.Keys() {
		if index[key] == nil {
			index[key] = &flagFindings{Flag: key, Findings: []findingJSON{}}
			groups = append(groups, index[key])
		}
	}
	for _, finding := range set.Check() {
		group := index[finding.Flag]
		if group == nil {
			group = &flagFindings{Flag: finding.Flag}
			index[finding.Flag] = group
			groups = append(groups, group)
		}
		group.worst = max(group.worst, finding.Severity)
		group.Findings = append(group.Findings, findingJSON{severityText(finding.Severity), finding.Path, finding.Code, finding.Message})
	}
	if len(groups[0].Findings) == 0 {
		groups = groups[1:]
	}
	return groups
}

func severityText(s rules.Severity) string {
	switch s {
	case rules.Error:
		return "error"
	case rules.Warning:
		return "warning"
	default:
		return "note"
	}
}

func printFindings(w io.Writer, groups []*flagFindings) error {
	counts := map[string]int{}
	clean := 0
	for _, group := range groups {
		if len(group.Findings) == 0 {
			clean++
			continue
		}
		fmt.Fprintln(w, cmp.Or(group.Flag, "(document)"))
		var rows [][]string
		for _, finding := range group.Findings {
			counts[finding.Severity]++
			rows = append(rows, []string{finding.Severity, finding.Code, finding.Path, finding.Message})
		}
		if err := writeTable(w, "  ", rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d flags without a finding; %d errors, %d warnings, %d notes\n",
		clean, counts["error"], counts["warning"], counts["note"])
	return err
}
