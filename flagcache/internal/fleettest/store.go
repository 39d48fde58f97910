package fleettest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// Server is a store's server that the test can break. Processes reach it
// through links of their own.
type Server struct {
	scope flagcache.Scope

	mu    sync.Mutex
	state flagcache.Ledger
}

// NewServer returns an empty server.
func NewServer() *Server { return &Server{scope: Scope.Canonical()} }

// Change lets the test put its hands on what is stored.
func (s *Server) Change(f func(*flagcache.Ledger)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.state)
}

// Stored returns what is stored.
func (s *Server) Stored() flagcache.Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Link is one process's way to the server. Its hooks are called around each
// operation, by name, outside of any lock; an error of theirs is the
// operation's. They may block. Nil hooks do nothing.
type Link struct {
	*Server
	mu            sync.Mutex
	before, after func(ctx context.Context, op string) error
}

// Link returns a new way to the server.
func (s *Server) Link() *Link { return &Link{Server: s} }

// ErrCut is the error of a link that is cut.
var ErrCut = errors.New("connection refused")

// Cut lets every operation fail, and Mend lets them succeed again.
func (l *Link) Cut() { l.Before(func(context.Context, string) error { return ErrCut }) }

// Mend takes the hooks away.
func (l *Link) Mend() { l.Before(nil); l.After(nil) }

// Before sets what happens before an operation reaches the server.
func (l *Link) Before(f func(ctx context.Context, op string) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = f
}

// After sets what happens to an answer on its way back.
func (l *Link) After(f func(ctx context.Context, op string) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.after = f
}

func (l *Link) hook(ctx context.Context, op string, which *func(context.Context, string) error) error {
	l.mu.Lock()
	f := *which
	l.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(ctx, op)
}

func (l *Link) step(ctx context.Context, op string, f func(*flagcache.Ledger, time.Time) error) (flagcache.Record, error) {
	if err := l.hook(ctx, op, &l.before); err != nil {
		return flagcache.Record{}, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	var rec flagcache.Record
	var err error
	l.Change(func(s *flagcache.Ledger) {
		err = f(s, now)
		rec = s.Record(now)
	})
	if err := l.hook(ctx, op, &l.after); err != nil {
		return flagcache.Record{}, err
	}
	return rec, err
}

// Scope is that of all tests.
func (l *Link) Scope() flagcache.Scope { return l.scope }

// Record is the operation "record".
func (l *Link) Record(ctx context.Context) (flagcache.Record, error) {
	return l.step(ctx, "record", func(*flagcache.Ledger, time.Time) error { return nil })
}

// Load is the operation "load".
func (l *Link) Load(ctx context.Context) (*flagcache.Entry, error) {
	var e *flagcache.Entry
	_, err := l.step(ctx, "load", func(s *flagcache.Ledger, _ time.Time) error { e = s.Entry; return nil })
	if err == nil && e == nil {
		err = flagcache.ErrNotFound
	}
	return e, err
}

// Acquire is the operation "acquire".
func (l *Link) Acquire(ctx context.Context, bid flagcache.Bid, ttl time.Duration) (flagcache.Record, error) {
	return l.step(ctx, "acquire", func(s *flagcache.Ledger, now time.Time) error { return s.Acquire(now, bid, ttl) })
}

// Renew is the operation "renew".
func (l *Link) Renew(ctx context.Context, claim flagcache.Claim, ttl time.Duration) (flagcache.Record, error) {
	return l.step(ctx, "renew", func(s *flagcache.Ledger, now time.Time) error { return s.Renew(now, claim, ttl) })
}

// Release is the operation "release".
func (l *Link) Release(ctx context.Context, claim flagcache.Claim) (flagcache.Record, error) {
	return l.step(ctx, "release", func(s *flagcache.Ledger, now time.Time) error { return s.Release(now, claim) })
}

// Save is the operation "save".
func (l *Link) Save(ctx context.Context, claim flagcache.Claim, e *flagcache.Entry) (flagcache.Record, error) {
	return l.step(ctx, "save", func(s *flagcache.Ledger, now time.Time) error { return s.Save(now, claim, e) })
}

// Confirm is the operation "confirm".
func (l *Link) Confirm(ctx context.Context, claim flagcache.Claim, h flagcache.Head) (flagcache.Record, error) {
	return l.step(ctx, "confirm", func(s *flagcache.Ledger, now time.Time) error { return s.Confirm(now, claim, h) })
}

// Fail is the operation "fail".
func (l *Link) Fail(ctx context.Context, claim flagcache.Claim, f flagcache.Failure) (flagcache.Record, error) {
	return l.step(ctx, "fail", func(s *flagcache.Ledger, now time.Time) error { return s.Fail(now, claim, f) })
}

// RequestReload is the operation "reload".
func (l *Link) RequestReload(ctx context.Context) (flagcache.Record, error) {
	return l.step(ctx, "reload", func(s *flagcache.Ledger, now time.Time) error { s.RequestReload(now); return nil })
}

// SetPin is the operation "pin".
func (l *Link) SetPin(ctx context.Context, p flagcache.Pin, doc *flagcache.Entry) (flagcache.Record, error) {
	return l.step(ctx, "pin", func(s *flagcache.Ledger, _ time.Time) error { return s.SetPin(p, doc) })
}

// History is the operation "history".
func (l *Link) History(ctx context.Context) (list []flagcache.Version, err error) {
	_, err = l.step(ctx, "history", func(s *flagcache.Ledger, _ time.Time) error { list = s.History(); return nil })
	return list, err
}

// LoadRevision is the operation "load revision".
func (l *Link) LoadRevision(ctx context.Context, r flagdef.Revision) (e *flagcache.Entry, err error) {
	_, err = l.step(ctx, "load revision", func(s *flagcache.Ledger, _ time.Time) (err error) { e, err = s.LoadRevision(r); return err })
	return e, err
}
