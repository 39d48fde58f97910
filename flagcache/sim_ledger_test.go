package flagcache

import (
	"context"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// simLedger is the server's state as a store, each step at the server's time.
type simLedger struct{ st *simStore }

type pinningStore interface {
	Store
	Pinner
}

// view is the store as processes see it.
func (st *simStore) view() pinningStore {
	if st.signed != nil {
		return st.signed
	}
	return simLedger{st}
}

func (l simLedger) step(f func(*Ledger, time.Time) error) (Record, error) {
	now := l.st.serverNow()
	err := f(&l.st.state, now)
	return l.st.state.Record(now), err
}

func (l simLedger) Scope() Scope { return simScope }

func (l simLedger) Record(context.Context) (Record, error) {
	return l.step(func(*Ledger, time.Time) error { return nil })
}

func (l simLedger) Load(context.Context) (*Entry, error) {
	if l.st.state.Entry == nil {
		return nil, ErrNotFound
	}
	return l.st.state.Entry, nil
}

func (l simLedger) Acquire(_ context.Context, bid Bid, ttl time.Duration) (Record, error) {
	return l.step(func(s *Ledger, now time.Time) error { return s.Acquire(now, bid, ttl) })
}

func (l simLedger) Renew(_ context.Context, claim Claim, ttl time.Duration) (Record, error) {
	return l.step(func(s *Ledger, now time.Time) error { return s.Renew(now, claim, ttl) })
}

func (l simLedger) Release(_ context.Context, claim Claim) (Record, error) {
	return l.step(func(s *Ledger, now time.Time) error { return s.Release(now, claim) })
}

func (l simLedger) Save(_ context.Context, claim Claim, e *Entry) (Record, error) {
	return l.step(func(s *Ledger, now time.Time) error { return s.Save(now, claim, e) })
}

func (l simLedger) Confirm(_ context.Context, claim Claim, h Head) (Record, error) {
	return l.step(func(s *Ledger, now time.Time) error { return s.Confirm(now, claim, h) })
}

func (l simLedger) Fail(_ context.Context, claim Claim, f Failure) (Record, error) {
	return l.step(func(s *Ledger, now time.Time) error { return s.Fail(now, claim, f) })
}

func (l simLedger) RequestReload(context.Context) (Record, error) {
	return l.step(func(s *Ledger, now time.Time) error { s.RequestReload(now); return nil })
}

func (l simLedger) SetPin(_ context.Context, p Pin, doc *Entry) (Record, error) {
	return l.step(func(s *Ledger, _ time.Time) error { return s.SetPin(p, doc) })
}

func (l simLedger) History(context.Context) ([]Version, error) { return l.st.state.History(), nil }

func (l simLedger) LoadRevision(_ context.Context, r flagdef.Revision) (*Entry, error) {
	return l.st.state.LoadRevision(r)
}
