package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

type statusCmd struct {
	cache        `embed:""`
	PollInterval time.Duration `default:"30s" placeholder:"TIME" help:"What the fleet polls at; after three of them unconfirmed definitions are stale. Default: ${default}."`
	History      bool          `help:"List the current and the former definitions, too."`
	Watch        bool          `help:"Print again whenever something changes, until interrupted."`
	JSON         bool          `help:"Print JSON."`
}

// Help is the longer text of --help.
func (*statusCmd) Help() string {
	return `Reads the store, and asks and changes nothing.

Exit codes:

    0  definitions are stored, and PostHog confirmed them within three intervals
    1  nothing usable is stored, or it is stale
    2  the command line cannot be used
    5  the store cannot be used`
}

// Run prints the status once, or until ctx ends.
func (c *statusCmd) Run(ctx context.Context, std console) error {
	if c.History && c.Watch {
		return badInput("", "--history and --watch are not for each other: leave one away")
	}
	if err := c.there(); err != nil {
		return err
	}
	store, err := c.store(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // nothing was written to it
	if c.Watch {
		return c.watch(ctx, std, store)
	}
	r, err := readStatus(ctx, store, c.PollInterval, nil)
	if err == nil && c.History {
		r.History, err = readHistory(ctx, store, r.pinned())
	}
	if errors.Is(err, flagcache.ErrNoPins) {
		return badInput("", "%w", err)
	}
	if err != nil {
		return &stop{code: exitStore, err: err}
	}
	if err := c.print(std.out, r); err != nil {
		return err
	}
	if r.State != "current" || r.Problem != "" {
		return found(exitFinding)
	}
	return nil
}

// watch prints each change. A store that does not answer is waited for.
func (c *statusCmd) watch(ctx context.Context, std console, store flagcache.Store) error {
	hints := make(chan struct{}, 1)
	if w, ok := store.(flagcache.Watcher); ok {
		watching := make(chan struct{})
		defer func() { <-watching }()
		go func() {
			defer close(watching)
			// When it breaks, the ticks below remain.
			_ = w.Watch(ctx, func() {
				select {
				case hints <- struct{}{}:
				default:
				}
			})
		}()
	}
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	var last *storeStatus
	for ctx.Err() == nil {
		r, err := readStatus(ctx, store, c.PollInterval, last)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			_, _ = fmt.Fprintf(std.err, "hogflags status: %v\n", err)
		case last == nil || !r.same(last):
			if err := c.print(std.out, r); err != nil {
				return err
			}
			last = r
		}
		select {
		case <-hints:
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

func (c *statusCmd) print(w io.Writer, r *storeStatus) error {
	var err error
	if c.JSON {
		err = writeJSON(w, r)
	} else {
		err = r.print(w)
	}
	if err != nil {
		return fmt.Errorf("print status: %w", err)
	}
	return nil
}

// storeStatus is what --json prints. Times are the store's.
type storeStatus struct {
	State      string         `json:"state"` // empty, current, stale, unusable
	Problem    string         `json:"problem,omitempty"`
	Now        time.Time      `json:"now"`
	Leader     string         `json:"leader"` // empty if nobody leads
	LeaseUntil *time.Time     `json:"lease_until"`
	LeaseEpoch uint64         `json:"lease_epoch"`
	Epoch      uint64         `json:"epoch"`
	Seq        uint64         `json:"seq"`
	Revision   string         `json:"revision"`
	ETag       string         `json:"etag"`
	Bytes      int            `json:"bytes"`
	FetchedAt  *time.Time     `json:"fetched_at"`
	CheckedAt  *time.Time     `json:"checked_at"`
	AgeSeconds *float64       `json:"age_seconds"`         // since checked_at
	Failure    *statusFailure `json:"failure"`             // null if the last answer was a good one
	Pin        *statusPin     `json:"pin"`                 // the last decision; null if there was none
	SignedBy   string         `json:"signed_by,omitempty"` // the key that it claims, if it was not checked

	History []statusVersion `json:"history,omitempty"` // newest first, if it was asked for
}

// statusPin is the last decision about what is served.
type statusPin struct {
	Revision string    `json:"revision"` // empty: the latest is served
	By       string    `json:"by"`
	Why      string    `json:"why"`
	At       time.Time `json:"at"`
}

// pinned is the revision that is pinned, empty if none is.
func (r *storeStatus) pinned() string {
	if r.Pin == nil {
		return ""
	}
	return r.Pin.Revision
}

type statusFailure struct {
	Cause     flagcache.Cause `json:"cause"`
	Count     int             `json:"count"`
	NotBefore time.Time       `json:"not_before"`
}

// readStatus reads the record, and the document unless last has it already.
func readStatus(ctx context.Context, store flagcache.Store, interval time.Duration, last *storeStatus) (*storeStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	rec, err := store.Record(ctx)
	if err != nil {
		return nil, err
	}
	h := rec.Head
	r := &storeStatus{
		State: "empty", Now: rec.Now, LeaseEpoch: rec.Lease.Epoch,
		Epoch: h.Epoch, Seq: h.Seq, Revision: h.Revision.String(), ETag: h.ETag,
	}
	if rec.Live() {
		r.Leader, r.LeaseUntil = rec.Lease.Holder, &rec.Lease.Expires
	}
	if f := rec.Failure; f.Exists() {
		r.Failure = &statusFailure{f.Cause, f.Count, f.NotBefore}
	}
	if p := rec.Pin; p.Number != 0 {
		r.Pin = &statusPin{p.Revision.String(), p.By, p.Why, p.At}
	}
	if rec.Refused != nil {
		r.Problem = rec.Refused.Error()
	}
	if !h.Exists() {
		if r.Problem != "" {
			r.State = "unusable"
		}
		return r, nil
	}
	r.State = "current"
	foreign := h.CheckedAt.IsZero() // another SDK stored it, and says nothing of when
	if !foreign {
		age := max(0, rec.Now.Sub(h.CheckedAt))
		seconds := age.Seconds()
		r.FetchedAt, r.CheckedAt, r.AgeSeconds = &h.FetchedAt, &h.CheckedAt, &seconds
		if age > 3*interval {
			r.State = "stale"
		}
	}
	r.SignedBy = flagcache.SignedBy(h.Signature)
	if r.Problem == "" && (last == nil || last.Problem != "" || last.pinned() != r.pinned()) {
		r.Problem = checkPin(ctx, store, rec.Pin)
	}
	if last != nil && last.State != "unusable" && last.Revision == r.Revision {
		r.Bytes = last.Bytes
		return r, nil
	}
	e, err := store.Load(ctx)
	if err == nil {
		r.Bytes = len(e.Body)
		if foreign {
			r.Revision = e.Revision.String() // the head has a mark instead
		}
		err = e.Verify(store.Scope())
	}
	switch {
	case errors.Is(err, flagcache.ErrBadEntry), errors.Is(err, flagcache.ErrNotFound):
		r.State, r.Problem = "unusable", err.Error()
	case err != nil:
		return nil, err
	}
	return r, nil
}

// checkPin says why a pin cannot be used; empty if it can.
func checkPin(ctx context.Context, store flagcache.Store, p flagcache.Pin) string {
	pinner, ok := store.(flagcache.Pinner)
	if !ok || !p.Exists() {
		return ""
	}
	e, err := pinner.LoadRevision(ctx, p.Revision)
	if err == nil {
		err = e.Verify(store.Scope())
	}
	if err == nil {
		return ""
	}
	return fmt.Sprintf("the pin cannot be used, so the latest is served: %v", err)
}

// same reports whether nothing changed but the time.
func (r *storeStatus) same(s *storeStatus) bool {
	failures := r.Failure == nil && s.Failure == nil || r.Failure != nil && s.Failure != nil && *r.Failure == *s.Failure
	return r.State == s.State && r.Leader == s.Leader && r.LeaseEpoch == s.LeaseEpoch &&
		r.Epoch == s.Epoch && r.Seq == s.Seq && r.Revision == s.Revision && failures &&
		r.Problem == s.Problem && (r.Pin == nil) == (s.Pin == nil) && (r.Pin == nil || *r.Pin == *s.Pin)
}

func (r *storeStatus) print(w io.Writer) error {
	p := printer{w: w}
	rows := [][]string{{"state", r.State}}
	row := func(name, format string, args ...any) {
		rows = append(rows, []string{name, fmt.Sprintf(format, args...)})
	}
	if r.Problem != "" {
		row("problem", "%s", r.Problem)
	}
	if d := r.Pin; d != nil && d.Revision != "" {
		row("pinned", "%.12s, %s by %s: %s", d.Revision, ago(r.Now.Sub(d.At)), d.By, d.Why)
	} else if d != nil {
		row("unpinned", "%s by %s: %s", ago(r.Now.Sub(d.At)), d.By, d.Why)
	}
	if r.Leader == "" {
		row("leader", "nobody")
	} else {
		row("leader", "%s, until %s (epoch %d)", r.Leader, clock(*r.LeaseUntil), r.LeaseEpoch)
	}
	if r.Epoch != 0 {
		row("position", "epoch %d, seq %d", r.Epoch, r.Seq)
		row("revision", "%.12s, etag %s, %d bytes", r.Revision, r.ETag, r.Bytes)
		if r.SignedBy != "" {
			row("signature", "by key %s, not checked: no --verify-key was given", r.SignedBy)
		}
		if r.CheckedAt == nil {
			row("confirmed", "not known: another SDK stored it")
		} else {
			row("fetched", "%s", ago(r.Now.Sub(*r.FetchedAt)))
			row("confirmed", "%s", ago(r.Now.Sub(*r.CheckedAt)))
		}
	}
	if f := r.Failure; f != nil {
		row("failure", "%s, %d in a row; not asked again before %s", f.Cause, f.Count, clock(f.NotBefore))
	}
	p.table("", rows)
	if r.History != nil {
		r.printHistory(&p)
	}
	return p.err
}
