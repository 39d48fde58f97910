// Package publish fills a [flagcache.Publisher]: with what the leader of a fleet
// serves ([Leader]), or from PostHog, where there is no fleet ([Once]).
package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// ConfirmAfter is how old what is published may be when PostHog says that it is
// still current, before that is written down: each write costs.
const ConfirmAfter = 10 * time.Minute

// ErrUpstream wraps what went wrong in asking for definitions. Any other error is
// of the place where they are published.
var ErrUpstream = errors.New("no definitions")

// Report says what came of it.
type Report struct {
	Before      *flagcache.Entry // what was there; nil if nothing that could be used
	Now         *flagcache.Entry // what is there now; nil if Superseded
	NotModified bool             // PostHog said so, of Before
	Superseded  bool             // another writer published something newer meanwhile
}

// Once asks PostHog, conditionally if what is published could be read, and publishes
// the answer. What is not a definitions document is not published.
func Once(ctx context.Context, to flagcache.Publisher, from flagcache.Upstream) (Report, error) {
	var r Report
	head, err := to.Published(ctx)
	if err != nil && !errors.Is(err, flagcache.ErrNotFound) {
		return r, err
	}
	etag := ""
	if head.Exists() {
		r.Before, err = to.Load(ctx)
		switch {
		case err == nil:
			etag = r.Before.ETag
		case !errors.Is(err, flagcache.ErrBadEntry) && !errors.Is(err, flagcache.ErrNotFound):
			return r, err
		}
	}
	// The order is that in which PostHog was asked.
	asked := time.Now()
	position := flagcache.Position{Epoch: above(head.Epoch, asked), Seq: 1}
	answer, err := from.Fetch(ctx, etag)
	if err != nil {
		return r, fmt.Errorf("%w: %w", ErrUpstream, err)
	}
	e, err := r.entry(to.Scope(), answer, asked)
	if err != nil {
		return r, fmt.Errorf("%w: %w", ErrUpstream, err)
	}
	r.NotModified = answer.NotModified
	if r.Before != nil && e.Revision == r.Before.Revision && e.ETag == r.Before.ETag && asked.Sub(r.Before.CheckedAt) < ConfirmAfter {
		r.Now = r.Before
		return r, nil
	}
	e.Position = position
	switch err := to.Publish(ctx, e); {
	case errors.Is(err, flagcache.ErrStale):
		r.Superseded = true
		return r, nil
	case err != nil:
		return r, err
	}
	r.Now = e
	return r, nil
}

// entry is the document that an answer speaks of.
func (r *Report) entry(scope flagcache.Scope, answer flagcache.Answer, asked time.Time) (*flagcache.Entry, error) {
	if answer.NotModified {
		if r.Before == nil {
			return nil, errors.New("PostHog says that nothing was modified, and was not asked that")
		}
		e := *r.Before
		e.CheckedAt = asked
		return &e, nil
	}
	if _, err := flagdef.Parse(answer.Body); err != nil {
		return nil, err
	}
	e := flagcache.NewEntry(scope, answer.Body, answer.ETag)
	e.FetchedAt, e.CheckedAt = asked, asked
	if r.Before != nil && r.Before.Revision == e.Revision {
		e.FetchedAt = r.Before.FetchedAt
	}
	return e, nil
}
