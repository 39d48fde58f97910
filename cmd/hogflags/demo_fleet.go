package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// demoFleet is clients that stand for processes, on a store in memory that
// stands for a server.
type demoFleet struct {
	members  []demoMember
	arrivals chan demoArrival
}

type demoMember struct {
	name   string
	client *hogflags.Client
}

// demoArrival is a change that a client follows.
type demoArrival struct {
	at     time.Time
	change hogflags.Change
}

// unreleased is the store of a process that is going to be killed: whatever it
// holds then, nobody gives back.
type unreleased struct{ *memorycache.Store }

func (unreleased) Release(context.Context, flagcache.Claim) (flagcache.Record, error) {
	return flagcache.Record{}, errors.New("killed")
}

func startDemoFleet(ctx context.Context, server *posthogtest.Server) (*demoFleet, error) {
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: server.URL})
	if err != nil {
		return nil, err
	}
	f := &demoFleet{arrivals: make(chan demoArrival, 64)}
	for i := range demoClients {
		name := fmt.Sprintf("client %d", i+1)
		cache, err := flagcache.New(unreleased{store}, flagcache.Options{Interval: demoPoll, Name: name})
		if err != nil {
			f.close()
			return nil, err
		}
		client, err := hogflags.New(ctx, hogflags.Config{
			Host: server.URL, ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey,
			HTTPClient: server.Client(), Cache: cache, OnlyEvaluateLocally: true,
			Overrides: map[string]any{}, // whatever is in the environment
		})
		if err != nil {
			f.close()
			return nil, err
		}
		f.members = append(f.members, demoMember{name, client})
		client.OnChange(func(change hogflags.Change) {
			select {
			case f.arrivals <- demoArrival{time.Now(), change}:
			default: // nobody reads on while the server is only served
			}
		})
	}
	return f, nil
}

func (f *demoFleet) close() {
	for _, m := range f.members {
		_ = m.client.Close() // nothing is kept on disk
	}
}

// ready waits until every client has definitions and knows who leads.
func (f *demoFleet) ready(ctx context.Context) error {
	for _, m := range f.members {
		if err := m.client.WaitUntilReady(ctx); err != nil {
			return err
		}
	}
	return f.until(ctx, func(s hogflags.Status) bool { return s.State == loader.Current })
}

// leader is who leads, nil if nobody does.
func (f *demoFleet) leader() *demoMember {
	for i, m := range f.members {
		if m.client.Status().Role == flagcache.RoleLeader {
			return &f.members[i]
		}
	}
	return nil
}

// kill ends the leader without giving back its lease.
func (f *demoFleet) kill(leader *demoMember) {
	_ = leader.client.Close()
	f.members = slices.DeleteFunc(slices.Clone(f.members), func(m demoMember) bool { return m.client == leader.client })
}

// arrive waits until all clients follow a new definition of the flag, and says
// when the first and the last of them did.
func (f *demoFleet) arrive(ctx context.Context, flag string) (first, last time.Time, err error) {
	for left := len(f.members); left > 0; {
		select {
		case a := <-f.arrivals:
			if a.change.Previous.IsZero() || !slices.Contains(a.change.Keys, flag) {
				continue // the first definitions
			}
			if first.IsZero() {
				first = a.at
			}
			last = a.at
			left--
		case <-ctx.Done():
			return first, last, ctx.Err()
		}
	}
	return first, last, nil
}

// until waits until every client's status is as wanted.
func (f *demoFleet) until(ctx context.Context, wanted func(hogflags.Status) bool) error {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for slices.ContainsFunc(f.members, func(m demoMember) bool { return !wanted(m.client.Status()) }) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
