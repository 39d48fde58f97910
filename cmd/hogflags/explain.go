package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/hogflags/hogflags/internal/answerjson"
	"github.com/hogflags/hogflags/rules"
)

type explainCmd struct {
	question `embed:""`
	JSON     bool `help:"Print JSON, one object a line for each subject and flag."`
}

// Help is the longer text of --help.
func (*explainCmd) Help() string {
	return `Without --flag, every flag is explained. Marks: ✓ true, ✗ false, ? not known.

Exit codes:

    0  done
    1  a flag named by --flag is inconclusive for a subject
    2  the command line or its input cannot be used
    4  PostHog did not hand out definitions`
}

// Run explains each flag for each subject in turn.
func (c *explainCmd) Run(ctx context.Context, std console) error {
	set, err := c.rules(ctx, std)
	if err != nil {
		return err
	}
	keys := c.Flag
	if len(keys) == 0 {
		keys = set.Keys()
	}

	undecided := false
	for subject, err := range c.ask(std) {
		if err != nil {
			return err
		}
		for _, key := range keys {
			explanation := set.Explain(key, subject)
			undecided = undecided || explanation.Answer.Status == rules.Inconclusive
			if c.JSON {
				err = printExplanationJSON(std.out, subject, key, explanation)
			} else {
				err = printExplanation(std.out, subject, key, explanation)
			}
			if err != nil {
				return fmt.Errorf("print explanation: %w", err)
			}
		}
	}
	if undecided && len(c.Flag) > 0 {
		return found(exitFinding)
	}
	return nil
}

func printExplanation(w io.Writer, subject *rules.Subject, key string, e *rules.Explanation) error {
	p := printer{w: w}
	p.printf("%s for %s\n%s\n", headline(key, e.Answer), subject.DistinctID, tree(explained(e)))
	return p.err
}

func printExplanationJSON(w io.Writer, subject *rules.Subject, key string, e *rules.Explanation) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		DistinctID string `json:"distinct_id"`
		Flag       string `json:"flag"`
		*answerjson.Explanation
	}{subject.DistinctID, key, answerjson.NewExplanation(e)})
}
