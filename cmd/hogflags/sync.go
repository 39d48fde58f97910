package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/open"
	"github.com/hogflags/hogflags/posthogapi"
)

type syncCmd struct {
	cache   `embed:""`
	Every   time.Duration `placeholder:"TIME" help:"Go on, once in this time, until interrupted; failures are reported and do not end it. Default: once."`
	Timeout time.Duration `default:"30s" placeholder:"TIME" help:"Give up after this. Default: ${default}."`
	JSON    bool          `help:"Print JSON."`
}

// Help is the longer text of --help.
func (*syncCmd) Help() string {
	return `Asks PostHog once, conditionally, under the fleet's lease, and stores the answer. Prints one line that says what changed. If another process leads, it is left to that.

With --cache cloudflare-kv://ACCOUNT/NAMESPACE the answer is published to Cloudflare's Workers KV, where there is no lease, with the API token in CLOUDFLARE_API_TOKEN.

Exit codes:

    0  stored, confirmed, or another process leads and has stored definitions; with --every: interrupted
    1  another process leads and has not stored anything yet
    2  the command line cannot be used
    4  PostHog did not hand out definitions
    5  the store cannot be used`
}

// Run takes part in the fleet for as long as one poll takes.
func (c *syncCmd) Run(ctx context.Context, std console) error {
	if c.Every != 0 && c.Every < minEvery {
		return badInput("", "--every %v: want at least %v", c.Every, minEvery)
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	once, done, err := c.poll(ctx, client)
	if err != nil {
		return err
	}
	defer done()
	report := func() (*syncReport, error) {
		bounded, cancel := context.WithTimeout(ctx, max(c.Timeout, time.Second))
		defer cancel()
		r, err := once(bounded)
		if err != nil {
			return nil, err
		}
		if c.JSON {
			err = writeJSON(std.out, r)
		} else {
			err = r.print(std.out)
		}
		if err != nil {
			return nil, fmt.Errorf("print what changed: %w", err)
		}
		return r, nil
	}
	if c.Every > 0 {
		return c.repeat(ctx, std, report)
	}
	r, err := report()
	if err == nil && r.Outcome == syncLed && r.Revision == "" {
		err = found(exitFinding)
	}
	return err
}

// poll is what one sync does, and what ends it.
func (c *syncCmd) poll(ctx context.Context, client *posthogapi.Client) (once func(context.Context) (*syncReport, error), done func(), err error) {
	if open.Publishes(c.Cache) {
		to, err := c.publisher()
		return func(ctx context.Context) (*syncReport, error) { return publishOnce(ctx, to, client) }, func() {}, err
	}
	store, err := c.store(ctx)
	if err != nil {
		return nil, nil, err
	}
	once = func(ctx context.Context) (*syncReport, error) { return syncOnce(ctx, store, client, c.Every) }
	return once, func() { _ = store.Close() }, nil // what was stored is stored
}

// minEvery is how often a sync may be repeated.
const minEvery = time.Second

// repeat goes on until ctx ends. PostHog is left alone for as long as it asks to be.
func (c *syncCmd) repeat(ctx context.Context, std console, once func() (*syncReport, error)) error {
	for {
		_, err := once()
		if ctx.Err() != nil {
			return nil
		}
		pause := c.Every - c.Every/20 + rand.N(c.Every/10)
		if err != nil {
			report(std, "sync", err)
			pause = max(pause, retryAfter(err))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

func retryAfter(err error) time.Duration {
	if upstream, ok := errors.AsType[*flagcache.UpstreamError](err); ok {
		return min(upstream.RetryAfter, time.Hour)
	}
	return 0
}

// The outcomes of a sync, as --json prints them.
const (
	syncStored      = "stored"       // a document that the store did not have
	syncUnchanged   = "unchanged"    // a document that it had
	syncNotModified = "not_modified" // PostHog says that the stored one is current
	syncLed         = "led"          // another process leads
	syncSuperseded  = "superseded"   // another writer published something newer meanwhile
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
	case r.Outcome == syncSuperseded:
		p.printf("another writer published something newer meanwhile\n")
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
