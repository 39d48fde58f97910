package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// countedBytes is the size of a document up to which its flags are counted.
const countedBytes = 4 << 20

// statusVersion is a document that is or was the current one.
type statusVersion struct {
	Revision   string     `json:"revision"`
	ETag       string     `json:"etag"`
	Bytes      int        `json:"bytes"`
	Flags      *int       `json:"flags"` // null if it is large, or cannot be read
	FetchedAt  time.Time  `json:"fetched_at"`
	ReplacedAt *time.Time `json:"replaced_at"` // null for the current one
	Pinned     bool       `json:"pinned"`
}

// readHistory lists what the store keeps, newest first.
func readHistory(ctx context.Context, store flagcache.Store, pinned string) ([]statusVersion, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	pinner, ok := store.(flagcache.Pinner)
	if !ok {
		return nil, flagcache.ErrNoPins
	}
	list, err := pinner.History(ctx)
	if err != nil {
		return nil, err
	}
	out := []statusVersion{}
	for _, v := range list {
		s := statusVersion{
			Revision: v.Revision.String(), ETag: v.ETag, Bytes: v.Bytes, FetchedAt: v.FetchedAt,
			Pinned: v.Revision.String() == pinned,
		}
		if !v.ReplacedAt.IsZero() {
			s.ReplacedAt = &v.ReplacedAt
		}
		if v.Bytes <= countedBytes {
			s.Flags = countFlags(ctx, store, pinner, v.Revision)
		}
		out = append(out, s)
	}
	return out, nil
}

// countFlags reads a document; nil if it cannot be used.
func countFlags(ctx context.Context, store flagcache.Store, pinner flagcache.Pinner, r flagdef.Revision) *int {
	e, err := pinner.LoadRevision(ctx, r)
	if err != nil || e.Verify(store.Scope()) != nil {
		return nil
	}
	defs, err := flagdef.Parse(e.Body)
	if err != nil {
		return nil
	}
	n := len(defs.Flags)
	return &n
}

func (r *storeStatus) printHistory(p *printer) {
	rows := [][]string{{"revision", "flags", "bytes", "fetched", "replaced", ""}}
	for _, v := range r.History {
		flags, replaced, pinned := "-", "current", ""
		if v.Flags != nil {
			flags = fmt.Sprint(*v.Flags)
		}
		if v.ReplacedAt != nil {
			replaced = ago(r.Now.Sub(*v.ReplacedAt))
		}
		if v.Pinned {
			pinned = "pinned"
		}
		rows = append(rows, []string{fmt.Sprintf("%.12s", v.Revision), flags, fmt.Sprint(v.Bytes), ago(r.Now.Sub(v.FetchedAt)), replaced, pinned})
	}
	p.printf("\n")
	p.table("", rows)
}
