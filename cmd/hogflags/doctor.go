package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

type doctorCmd struct {
	cache        `embed:""`
	PollInterval time.Duration `default:"30s" placeholder:"TIME" help:"What the fleet polls at; after three of them unconfirmed definitions are stale. Default: ${default}."`
	JSON         bool          `help:"Print JSON."`
}

// Help is the longer text of --help.
func (*doctorCmd) Help() string {
	return `Looks at the store as a member of the fleet would: whether it answers and how fast, what this user may do there, the settings of its server, the clocks, who leads, and what is stored. It changes nothing that a fleet sees; in Redis it writes a key that lasts ten seconds.

Exit codes:

    0  nothing to do
    1  a warning: it works, and will not in some situation
    2  the command line cannot be used
    5  an error: the store cannot be used as it is`
}

// doctorReport is what --json prints.
type doctorReport struct {
	Worst    flagcache.Severity  `json:"worst"`
	Findings []flagcache.Finding `json:"findings"`
}

// Run looks at everything, and prints it at once.
func (c *doctorCmd) Run(ctx context.Context, std console) error {
	store, err := c.openStore() // that it does not answer is a finding
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // nothing was written to it
	ctx, cancel := context.WithTimeout(ctx, 3*openTimeout)
	defer cancel()
	r := examine(ctx, store, c.PollInterval)
	if c.JSON {
		err = writeJSON(std.out, r)
	} else {
		err = r.print(std.out)
	}
	if err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	switch r.Worst {
	case flagcache.SeverityError:
		return &stop{code: exitStore, err: fmt.Errorf("the store cannot be used as it is: %s", r.first(flagcache.SeverityError).Message)}
	case flagcache.SeverityWarning:
		return found(exitFinding)
	}
	return nil
}

// examine looks at what every store has, and then lets it look at itself.
func examine(ctx context.Context, store flagcache.Store, interval time.Duration) *doctorReport {
	e := &examination{store: store, interval: interval}
	err := e.reach(ctx)
	// With a server that lets nobody in everything fails, which says nothing of
	// this user's rights.
	if d, ok := store.(flagcache.Diagnoser); ok && !turnedAway(err) {
		e.findings = append(e.findings, d.Diagnose(ctx)...)
	}
	if err == nil {
		e.push(ctx)
		e.lease()
		e.entry(ctx)
	}
	r := &doctorReport{Worst: flagcache.SeverityOK, Findings: e.findings}
	for _, s := range []flagcache.Severity{flagcache.SeverityNote, flagcache.SeverityWarning, flagcache.SeverityError} {
		if r.first(s) != nil {
			r.Worst = s
		}
	}
	return r
}

func (r *doctorReport) first(s flagcache.Severity) *flagcache.Finding {
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			return &r.Findings[i]
		}
	}
	return nil
}

func (r *doctorReport) print(w io.Writer) error {
	p := printer{w: w}
	var rows [][]string
	for _, f := range r.Findings {
		rows = append(rows, []string{string(f.Severity), f.Check, oneLine(f.Message)})
		if f.Fix != "" {
			rows = append(rows, []string{"", "", "→ " + f.Fix})
		}
	}
	p.table("", rows)
	return p.err
}
