package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

type syncCmd struct {
	cache   `embed:""`
	Timeout time.Duration `default:"30s" placeholder:"TIME" help:"Give up after this. Default: ${default}."`
	JSON    bool          `help:"Print JSON."`
}

// Help is the longer text of --help.
func (*syncCmd) Help() string {
	return `Asks PostHog once, conditionally, under the fleet's lease, and stores the answer. Prints one line that says what changed. If another process leads, it is left to that.

Exit codes:

    0  stored, confirmed, or another process leads and has stored definitions
    1  another process leads and has not stored anything yet
    2  the command line cannot be used
    4  PostHog did not hand out definitions
    5  the store cannot be used`
}

// Run takes part in the fleet for as long as one poll takes.
func (c *syncCmd) Run(ctx context.Context, std console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	store, err := c.store(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // what was stored is stored
	bounded, cancel := context.WithTimeout(ctx, max(c.Timeout, time.Second))
	defer cancel()
	report, err := syncOnce(bounded, store, client)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(std.out, report)
	} else {
		err = report.print(std.out)
	}
	if err != nil {
		return fmt.Errorf("print what changed: %w", err)
	}
	if report.Outcome == syncLed && report.Revision == "" {
		return found(exitFinding)
	}
	return nil
}

// The outcomes of a sync, as --json prints them.
const (
	syncStored      = "stored"       // a document that the store did not have
	syncUnchanged   = "unchanged"    // a document that it had
	syncNotModified = "not_modified" // PostHog says that the stored one is current
	syncLed         = "led"          // another process leads
)

// syncReport is what --json prints.
type syncReport struct {
	Outcome    string   `json:"outcome"`
	Revision   string   `json:"revision"` // of what is stored now; empty if nothing is
	First      bool     `json:"first"`    // nothing usable was stored before
	Flags      int      `json:"flags"`    // how many are defined; 0 if another process leads
	Changes    changes  `json:"changes"`
	Leader     string   `json:"leader,omitempty"` // if another process leads
	AgeSeconds *float64 `json:"age_seconds"`      // since PostHog was asked; null if nothing is stored
}

func (r *syncReport) print(w io.Writer) error {
	p := printer{w: w}
	switch {
	case r.Outcome == syncLed && r.Revision == "":
		p.printf("%s leads and has stored nothing yet\n", r.Leader)
	case r.Outcome == syncLed:
		p.printf("%s leads and stored %.12s, which PostHog confirmed %s\n", r.Leader, r.Revision, ago(time.Duration(*r.AgeSeconds*float64(time.Second))))
	case r.Outcome == syncNotModified:
		p.printf("not modified: %.12s, %d flags\n", r.Revision, r.Flags)
	case r.Outcome == syncUnchanged:
		p.printf("unchanged: %.12s, %d flags\n", r.Revision, r.Flags)
	case r.First:
		p.printf("stored %.12s: the first definitions, %d flags\n", r.Revision, r.Flags)
	default:
		p.printf("stored %.12s, %d flags: %s\n", r.Revision, r.Flags, r.Changes)
	}
	return p.err
}
