package main

import (
	"context"
	"errors"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/open"
	"github.com/hogflags/hogflags/flagcache/publish"
	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/posthogapi"
)

// publisher is where the definitions are published, if there is no lease.
func (c *cache) publisher() (flagcache.Publisher, error) {
	if _, signed, err := c.keys(); err != nil || signed {
		if err == nil {
			err = badInput("", "what is published to Workers KV is not signed: leave the keys out")
		}
		return nil, err
	}
	host, err := posthogapi.NormalizeHost(c.Host)
	if err != nil {
		return nil, badInput("", "%w", err)
	}
	to, err := open.Publisher(c.Cache, flagcache.Scope{Project: c.ProjectToken, Host: host}, nil)
	if err != nil {
		return nil, badInput("", "%w", err)
	}
	return to, nil
}

// publishOnce asks PostHog once and publishes the answer.
func publishOnce(ctx context.Context, to flagcache.Publisher, client *posthogapi.Client) (*syncReport, error) {
	done, err := publish.Once(ctx, to, flagcache.PostHog(client))
	switch {
	case errors.Is(err, publish.ErrUpstream):
		return nil, &stop{code: exitUpstream, err: err}
	case err != nil:
		return nil, &stop{code: exitStore, err: err}
	case done.Superseded:
		return &syncReport{Outcome: syncSuperseded, Changes: noChanges()}, nil
	}
	age := max(0, time.Since(done.Now.CheckedAt)).Seconds()
	r := &syncReport{Outcome: syncUnchanged, Changes: noChanges(), Revision: done.Now.Revision.String(), AgeSeconds: &age}
	switch {
	case done.NotModified:
		r.Outcome = syncNotModified
	case done.Before == nil:
		r.Outcome, r.First, r.Changes = syncStored, true, compareDocuments(nil, done.Now.Body)
	case done.Before.Revision != done.Now.Revision:
		r.Outcome, r.Changes = syncStored, compareDocuments(done.Before.Body, done.Now.Body)
	}
	if defs, err := flagdef.Parse(done.Now.Body); err == nil { // it was parsed before
		r.Flags = len(defs.Flags)
	}
	return r, nil
}
