package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/open"
	"github.com/hogflags/hogflags/flagdef"
)

type pinCmd struct {
	cache    `embed:""`
	Revision string `arg:"" help:"What to serve: previous, or at least four digits of a revision that status --history lists."`
	decision `embed:""`
}

type unpinCmd struct {
	cache    `embed:""`
	decision `embed:""`
}

// decision is who decides, and why.
type decision struct {
	By   string `required:"" placeholder:"WHO" help:"Who decides this, for people."`
	Why  string `required:"" placeholder:"TEXT" help:"Why, for people."`
	JSON bool   `help:"Print JSON."`
}

const pinExits = `

Exit codes:

    0  decided: every process serves it within its poll, or at once where the store pushes
    1  unpin: nothing was pinned
    2  the command line cannot be used, or there is no such revision
    5  the store cannot be used`

// Help is the longer text of --help.
func (*pinCmd) Help() string {
	return `Has every process and relay of the fleet serve one document that the store keeps, until unpin. PostHog goes on being asked, and the latest goes on being stored.` + pinExits
}

// Help is the longer text of --help.
func (*unpinCmd) Help() string {
	return `Has every process and relay of the fleet serve the latest definitions again.` + pinExits
}

// pinReport is what --json prints.
type pinReport struct {
	Pinned   string    `json:"pinned"` // empty once unpinned
	Unpinned string    `json:"unpinned,omitempty"`
	Flags    int       `json:"flags,omitempty"` // of the pinned document
	Latest   string    `json:"latest"`          // of what PostHog serves, as far as known
	Number   uint64    `json:"number"`
	By       string    `json:"by"`
	Why      string    `json:"why"`
	At       time.Time `json:"at"`
}

// decide opens the store, and has what it holds.
func (c *cache) decide(ctx context.Context, do func(context.Context, open.Store, flagcache.Record) error) error {
	if err := c.there(); err != nil {
		return err
	}
	store, err := c.store(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // what was decided is decided
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	rec, err := store.Record(ctx)
	if err != nil {
		return pinError(err)
	}
	return do(ctx, store, rec)
}

// Run pins.
func (c *pinCmd) Run(ctx context.Context, std console) error {
	return c.decide(ctx, func(ctx context.Context, store open.Store, rec flagcache.Record) error {
		p, doc, err := flagcache.PinRevision(ctx, store, c.Revision, c.By, c.Why)
		if err != nil {
			return pinError(err)
		}
		r := newPinReport(p, rec.Head)
		if defs, err := flagdef.Parse(doc.Body); err == nil {
			r.Flags = len(defs.Flags)
		}
		if c.JSON {
			return writeJSON(std.out, r)
		}
		text := fmt.Sprintf("pinned %.12s, %d flags", r.Pinned, r.Flags)
		switch r.Latest {
		case r.Pinned:
			text += ", which is the latest"
		case "":
		default:
			text += fmt.Sprintf("; the latest is %.12s", r.Latest)
		}
		_, err = fmt.Fprintln(std.out, text)
		return err
	})
}

// Run unpins.
func (c *unpinCmd) Run(ctx context.Context, std console) error {
	return c.decide(ctx, func(ctx context.Context, store open.Store, rec flagcache.Record) error {
		if !rec.Pin.Exists() && rec.Refused == nil {
			if !c.JSON {
				_, _ = fmt.Fprintln(std.out, "nothing is pinned")
			}
			return found(exitFinding)
		}
		p, err := flagcache.Unpin(ctx, store, c.By, c.Why)
		if err != nil {
			return pinError(err)
		}
		r := newPinReport(p, rec.Head)
		r.Unpinned = rec.Pin.Revision.String()
		if c.JSON {
			return writeJSON(std.out, r)
		}
		_, err = fmt.Fprintf(std.out, "unpinned %.12s; the latest is %.12s\n", r.Unpinned, r.Latest)
		return err
	})
}

func newPinReport(p flagcache.Pin, latest flagcache.Head) *pinReport {
	return &pinReport{
		Pinned: p.Revision.String(), Latest: latest.Revision.String(),
		Number: p.Number, By: p.By, Why: p.Why, At: p.At,
	}
}

// pinError tells a request that makes no sense from a store that fails.
func pinError(err error) error {
	for _, own := range []error{flagcache.ErrBadPin, flagcache.ErrNoPins, flagcache.ErrNoSigningKey} {
		if errors.Is(err, own) {
			return badInput("", "%w", err)
		}
	}
	return &stop{code: exitStore, err: err}
}
