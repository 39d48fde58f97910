package ledgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// Store is a [flagcache.Store] and [flagcache.Pinner] on a medium. It is safe for
// concurrent use.
type Store struct {
	scope  flagcache.Scope
	medium Medium
	name   string // of the kind, in errors
	now    func() time.Time
}

var (
	_ flagcache.Store  = (*Store)(nil)
	_ flagcache.Pinner = (*Store)(nil)
)

// New returns a store on the host's clock. The name is that of the kind, as it
// stands in errors.
func New(name string, scope flagcache.Scope, medium Medium) *Store {
	return &Store{scope: scope.Canonical(), medium: medium, name: name, now: hostClock}
}

func hostClock() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// OnClock sets another clock, before the store is used.
func (s *Store) OnClock(now func() time.Time) { s.now = now }

// Scope is whose definitions these are.
func (s *Store) Scope() flagcache.Scope { return s.scope }

// Record reads everything but the document.
func (s *Store) Record(ctx context.Context) (flagcache.Record, error) {
	r, _, err := s.view(ctx, "read record", current, false)
	if err != nil {
		return flagcache.Record{}, err
	}
	return r.Record(s.now()), nil
}

// Load reads the entry.
func (s *Store) Load(ctx context.Context) (*flagcache.Entry, error) {
	_, e, err := s.view(ctx, "load entry", current, true)
	if err == nil && e == nil {
		err = flagcache.ErrNotFound
	}
	return e, err
}

// Acquire asks for the lease.
func (s *Store) Acquire(ctx context.Context, bid flagcache.Bid, ttl time.Duration) (flagcache.Record, error) {
	return s.step(ctx, "acquire lease", loud, func(l *flagcache.Ledger, now time.Time) error { return l.Acquire(now, bid, ttl) })
}

// Renew prolongs the lease.
func (s *Store) Renew(ctx context.Context, claim flagcache.Claim, ttl time.Duration) (flagcache.Record, error) {
	return s.step(ctx, "renew lease", quiet, func(l *flagcache.Ledger, now time.Time) error { return l.Renew(now, claim, ttl) })
}

// Release frees the lease.
func (s *Store) Release(ctx context.Context, claim flagcache.Claim) (flagcache.Record, error) {
	return s.step(ctx, "release lease", loud, func(l *flagcache.Ledger, now time.Time) error { return l.Release(now, claim) })
}

// Save stores the entry.
func (s *Store) Save(ctx context.Context, claim flagcache.Claim, e *flagcache.Entry) (flagcache.Record, error) {
	return s.step(ctx, "save entry", sound, func(l *flagcache.Ledger, now time.Time) error { return l.Save(now, claim, e) })
}

// Confirm gives the stored document a newer head.
func (s *Store) Confirm(ctx context.Context, claim flagcache.Claim, h flagcache.Head) (flagcache.Record, error) {
	return s.step(ctx, "confirm entry", sound, func(l *flagcache.Ledger, now time.Time) error { return l.Confirm(now, claim, h) })
}

// Fail records that upstream could not be read.
func (s *Store) Fail(ctx context.Context, claim flagcache.Claim, f flagcache.Failure) (flagcache.Record, error) {
	return s.step(ctx, "record failure", loud, func(l *flagcache.Ledger, now time.Time) error { return l.Fail(now, claim, f) })
}

// RequestReload asks the leader to poll now.
func (s *Store) RequestReload(ctx context.Context) (flagcache.Record, error) {
	return s.step(ctx, "request reload", loud, func(l *flagcache.Ledger, now time.Time) error { l.RequestReload(now); return nil })
}

// SetPin decides what is served.
func (s *Store) SetPin(ctx context.Context, p flagcache.Pin, doc *flagcache.Entry) (flagcache.Record, error) {
	return s.step(ctx, "pin", loud, func(l *flagcache.Ledger, _ time.Time) error { return l.SetPin(p, doc) })
}

// History lists the current document and those before it.
func (s *Store) History(ctx context.Context) (list []flagcache.Version, err error) {
	r, _, err := s.view(ctx, "read history", current, false)
	if err != nil {
		return nil, err
	}
	err = s.medium.View(ctx, func(v Reader) error {
		list = nil
		for _, version := range r.History() {
			size, err := v.Size(version.Revision)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			version.Bytes = size
			list = append(list, version)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read history in %s: %w", s.name, err)
	}
	return list, nil
}

// LoadRevision reads a document that is pinned, current or former.
func (s *Store) LoadRevision(ctx context.Context, rev flagdef.Revision) (*flagcache.Entry, error) {
	_, e, err := s.view(ctx, "load revision", func(r *record) *flagcache.Entry {
		e, _ := r.LoadRevision(rev) // nil if it is not there
		return e
	}, true)
	if err == nil && e == nil {
		err = flagcache.ErrNotFound
	}
	return e, err
}

// Replace makes state all that is stored, for tests.
func (s *Store) Replace(ctx context.Context, state flagcache.Ledger) error {
	return s.medium.Update(ctx, func(w Writer) error { return commit(w, &record{Ledger: state}) })
}

// manner is how a step is taken.
type manner int

const (
	quiet manner = iota // watches do not tell of it
	loud                // they do
	sound               // loud, and the stored document is looked at, whether it is still whole
)

// step takes one transition.
func (s *Store) step(ctx context.Context, name string, how manner, do func(*flagcache.Ledger, time.Time) error) (flagcache.Record, error) {
	var rec flagcache.Record
	var refused, damaged error
	err := ctx.Err()
	if err == nil {
		err = s.medium.Update(ctx, func(w Writer) error {
			rec, refused, damaged = flagcache.Record{}, nil, nil
			r, _, err := read(w, current, how == sound)
			if hurt, ok := errors.AsType[*damage](err); ok {
				damaged, err = hurt.setAside(w)
				return err
			}
			if err != nil {
				return err
			}
			before, err := r.encode()
			if err != nil {
				return err
			}
			now := s.now()
			refused = do(&r.Ledger, now)
			rec = r.Record(now)
			if refused != nil {
				return nil
			}
			after, err := r.encode()
			if err != nil || bytes.Equal(before, after) {
				return err
			}
			if how != quiet {
				r.Changes++
			}
			return commit(w, r)
		})
	}
	if err == nil {
		err = damaged
	}
	if err != nil {
		return flagcache.Record{}, fmt.Errorf("%s in %s: %w", name, s.name, err)
	}
	return rec, refused
}

func commit(w Writer, r *record) error {
	documents := make(map[flagdef.Revision][]byte)
	keep := make(map[flagdef.Revision]bool)
	for _, e := range r.Entries() {
		keep[e.Revision] = true
		if e.Body != nil {
			documents[e.Revision] = e.Body
		}
	}
	data, err := r.encode()
	if err != nil {
		return err
	}
	return w.Commit(data, documents, keep)
}
