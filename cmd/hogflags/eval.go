package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/hogflags/hogflags/internal/answerjson"
	"github.com/hogflags/hogflags/rules"
)

type evalCmd struct {
	question `embed:""`
	JSON     bool `help:"Print JSON, one object a line for each subject."`
}

// Help is the longer text of --help.
func (*evalCmd) Help() string {
	return `Exit codes:

    0  done
    1  a flag named by --flag is inconclusive for a subject
    2  the command line or its input cannot be used
    4  PostHog did not hand out definitions`
}

// Run evaluates for each subject in turn.
func (c *evalCmd) Run(ctx context.Context, std console) error {
	set, err := c.rules(ctx, std)
	if err != nil {
		return err
	}

	undecided := false
	var answers []rules.Answer
	for subject, err := range c.ask(std) {
		if err != nil {
			return err
		}
		answers = answers[:0]
		if len(c.Flag) == 0 {
			answers = set.EvaluateAll(answers, subject)
		}
		for _, key := range c.Flag {
			answer := set.Evaluate(key, subject)
			undecided = undecided || answer.Status == rules.Inconclusive
			answers = append(answers, answer)
		}
		if c.JSON {
			err = printAnswersJSON(std.out, subject, answers)
		} else {
			err = c.printAnswers(std.out, subject, answers)
		}
		if err != nil {
			return fmt.Errorf("print answers: %w", err)
		}
	}
	if undecided {
		return found(exitFinding)
	}
	return nil
}

func (c *evalCmd) printAnswers(w io.Writer, subject *rules.Subject, answers []rules.Answer) error {
	p, indent := printer{w: w}, ""
	if c.Subjects != "" {
		p.printf("%s\n", subject.DistinctID)
		indent = "  "
	}
	rows := [][]string{{"FLAG", "VALUE", "REASON", "PAYLOAD"}}
	for _, answer := range answers {
		rows = append(rows, []string{answer.Key(), valueText(answer), reasonText(answer), payloadText(answer)})
	}
	p.table(indent, rows)
	return p.err
}

func valueText(a rules.Answer) string {
	switch a.Status {
	case rules.Decided:
		return fmt.Sprint(a.Value())
	case rules.Inconclusive:
		return "inconclusive"
	default:
		return "-"
	}
}

func reasonText(a rules.Answer) string {
	switch a.Status {
	case rules.Decided:
		return a.Description()
	case rules.Inconclusive:
		return "not known: " + strings.Join(answerjson.Texts(a.Missing), ", ")
	default:
		return "not for the server runtime"
	}
}

func payloadText(a rules.Answer) string {
	if a.Status != rules.Decided {
		return ""
	}
	if !a.PayloadKnown() {
		return "(encrypted)"
	}
	return abbreviate(string(a.Payload()), 60)
}

// subjectAnswers is a line of --json.
type subjectAnswers struct {
	DistinctID string                       `json:"distinct_id"`
	Flags      map[string]answerjson.Answer `json:"flags"`
}

func printAnswersJSON(w io.Writer, subject *rules.Subject, answers []rules.Answer) error {
	line := subjectAnswers{DistinctID: subject.DistinctID, Flags: make(map[string]answerjson.Answer, len(answers))}
	for _, answer := range answers {
		line.Flags[answer.Key()] = answerjson.New(answer)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(line)
}
