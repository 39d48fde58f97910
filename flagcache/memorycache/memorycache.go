// Package memorycache keeps the definitions of one scope in memory, for several
// clients in one process, for tests, and for a fleet of one.
package memorycache

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// Store is a [flagcache.Store], [flagcache.Watcher] and [flagcache.Pinner] in memory. Everybody who
// shares the definitions shares the Store. It is safe for concurrent use, needs
// no closing, and forgets everything with the process.
type Store struct {
	scope flagcache.Scope

	mu       sync.Mutex
	state    flagcache.Ledger
	watchers map[*watcher]struct{}
}

type watcher struct{ hint func() }

var (
	_ flagcache.Store   = (*Store)(nil)
	_ flagcache.Watcher = (*Store)(nil)
	_ flagcache.Pinner  = (*Store)(nil)
)

// New returns an empty store for scope.
func New(scope flagcache.Scope) (*Store, error) {
	if err := scope.Validate(); err != nil {
		return nil, fmt.Errorf("open memory store: %w", err)
	}
	return &Store{scope: scope.Canonical(), watchers: make(map[*watcher]struct{})}, nil
}

// Scope is whose definitions these are.
func (s *Store) Scope() flagcache.Scope { return s.scope }

// Record reads everything but the document.
func (s *Store) Record(ctx context.Context) (flagcache.Record, error) {
	return s.step(ctx, false, func(*flagcache.Ledger, time.Time) error { return nil })
}

// Load reads the entry. Its body is shared and must not be changed.
func (s *Store) Load(ctx context.Context) (*flagcache.Entry, error) {
	var e *flagcache.Entry
	_, err := s.step(ctx, false, func(st *flagcache.Ledger, _ time.Time) error { e = st.Entry; return nil })
	if err == nil && e == nil {
		err = flagcache.ErrNotFound
	}
	return e, err
}

// Acquire asks for the lease.
func (s *Store) Acquire(ctx context.Context, bid flagcache.Bid, ttl time.Duration) (flagcache.Record, error) {
	return s.step(ctx, true, func(st *flagcache.Ledger, now time.Time) error { return st.Acquire(now, bid, ttl) })
}

// Renew prolongs the lease.
func (s *Store) Renew(ctx context.Context, claim flagcache.Claim, ttl time.Duration) (flagcache.Record, error) {
	return s.step(ctx, false, func(st *flagcache.Ledger, now time.Time) error { return st.Renew(now, claim, ttl) })
}

// Release frees the lease.
func (s *Store) Release(ctx context.Context, claim flagcache.Claim) (flagcache.Record, error) {
	return s.step(ctx, true, func(st *flagcache.Ledger, now time.Time) error { return st.Release(now, claim) })
}

// Save stores the entry, which must not be changed afterwards.
func (s *Store) Save(ctx context.Context, claim flagcache.Claim, e *flagcache.Entry) (flagcache.Record, error) {
	return s.step(ctx, true, func(st *flagcache.Ledger, now time.Time) error { return st.Save(now, claim, e) })
}

// Confirm gives the stored document a newer head.
func (s *Store) Confirm(ctx context.Context, claim flagcache.Claim, h flagcache.Head) (flagcache.Record, error) {
	return s.step(ctx, true, func(st *flagcache.Ledger, now time.Time) error { return st.Confirm(now, claim, h) })
}

// Fail records that upstream could not be read.
func (s *Store) Fail(ctx context.Context, claim flagcache.Claim, f flagcache.Failure) (flagcache.Record, error) {
	return s.step(ctx, true, func(st *flagcache.Ledger, now time.Time) error { return st.Fail(now, claim, f) })
}

// RequestReload asks the leader to poll now.
func (s *Store) RequestReload(ctx context.Context) (flagcache.Record, error) {
	return s.step(ctx, true, func(st *flagcache.Ledger, now time.Time) error { st.RequestReload(now); return nil })
}

// SetPin decides what is served. The document must not be changed afterwards.
func (s *Store) SetPin(ctx context.Context, p flagcache.Pin, doc *flagcache.Entry) (flagcache.Record, error) {
	return s.step(ctx, true, func(st *flagcache.Ledger, _ time.Time) error { return st.SetPin(p, doc) })
}

// History lists the current document and those before it.
func (s *Store) History(ctx context.Context) (list []flagcache.Version, err error) {
	_, err = s.step(ctx, false, func(st *flagcache.Ledger, _ time.Time) error { list = st.History(); return nil })
	return list, err
}

// LoadRevision reads a document that is pinned, current or former. Its body is
// shared and must not be changed.
func (s *Store) LoadRevision(ctx context.Context, r flagdef.Revision) (e *flagcache.Entry, err error) {
	_, err = s.step(ctx, false, func(st *flagcache.Ledger, _ time.Time) (err error) { e, err = st.LoadRevision(r); return err })
	return e, err
}

// Watch calls hint after every change until ctx ends.
func (s *Store) Watch(ctx context.Context, hint func()) error {
	w := &watcher{hint}
	s.mu.Lock()
	s.watchers[w] = struct{}{}
	s.mu.Unlock()
	hint()
	<-ctx.Done()
	s.mu.Lock()
	delete(s.watchers, w)
	s.mu.Unlock()
	return nil
}

// step takes one transition; loud ones are pushed.
func (s *Store) step(ctx context.Context, loud bool, f func(*flagcache.Ledger, time.Time) error) (flagcache.Record, error) {
	if err := ctx.Err(); err != nil {
		return flagcache.Record{}, fmt.Errorf("use memory store: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC().Truncate(time.Microsecond)
	err := f(&s.state, now)
	if loud && err == nil {
		for w := range s.watchers {
			w.hint()
		}
	}
	return s.state.Record(now), err
}
