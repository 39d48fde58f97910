package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

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
		return "not known: " + strings.Join(texts(a.Missing), ", ")
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

func texts(missing []rules.Missing) []string {
	list := make([]string, len(missing))
	for i, m := range missing {
		list[i] = m.String()
	}
	return list
}

// subjectAnswers is a line of --json.
type subjectAnswers struct {
	DistinctID string                `json:"distinct_id"`
	Flags      map[string]answerJSON `json:"flags"`
}

// answerJSON is an answer as JSON. Value is null unless the status is "decided".
type answerJSON struct {
	Status         string          `json:"status"` // decided, inconclusive, filtered
	Value          any             `json:"value"`
	Payload        json.RawMessage `json:"payload"`
	PayloadKnown   *bool           `json:"payload_known,omitempty"` // false: encrypted
	Reason         *string         `json:"reason"`
	ConditionIndex *int            `json:"condition_index"`
	Missing        []string        `json:"missing,omitempty"`
}

func newAnswerJSON(a rules.Answer) answerJSON {
	switch a.Status {
	case rules.Inconclusive:
		return answerJSON{Status: "inconclusive", Missing: texts(a.Missing)}
	case rules.NotFound:
		return answerJSON{Status: "filtered"}
	}
	out := answerJSON{Status: "decided", Value: a.Value(), Payload: a.Payload()}
	if known := a.PayloadKnown(); !known {
		out.PayloadKnown = &known
	}
	if reason := a.Reason.String(); reason != "" {
		out.Reason = &reason
	}
	if a.ConditionIndex >= 0 {
		out.ConditionIndex = &a.ConditionIndex
	}
	return out
}

func printAnswersJSON(w io.Writer, subject *rules.Subject, answers []rules.Answer) error {
	line := subjectAnswers{DistinctID: subject.DistinctID, Flags: make(map[string]answerJSON, len(answers))}
	for _, answer := range answers {
		line.Flags[answer.Key()] = newAnswerJSON(answer)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(line)
}
