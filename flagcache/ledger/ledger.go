// Package ledger is the reference of what a store does: the record and its
// transitions as plain functions of the time. A store that can run code next to
// its data repeats them there; any other reads a State, applies one transition,
// and writes it back under compare-and-set.
package ledger

import (
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// State is everything that a store keeps for one scope. Entries are immutable,
// so a State may be copied. The zero State is that of an empty store.
type State struct {
	Token   string // of the lease
	Lease   flagcache.Lease
	Entry   *flagcache.Entry // nil if none is stored
	Failure flagcache.Failure
	Reload  time.Time
}

// Record is the state as others see it at now.
func (s *State) Record(now time.Time) flagcache.Record {
	r := flagcache.Record{Now: now, Lease: s.Lease, Failure: s.Failure, Reload: s.Reload}
	if s.Entry != nil {
		r.Head = s.Entry.Head
	}
	return r
}

// Acquire is [flagcache.Store.Acquire] at now.
func (s *State) Acquire(now time.Time, bid flagcache.Bid, ttl time.Duration) error {
	live := s.Lease.Expires.After(now)
	if live && s.Token != bid.Token && s.Lease.Epoch >= bid.Seen {
		return flagcache.ErrHeld
	}
	epoch := max(s.Lease.Epoch, s.head().Epoch, bid.Seen, uint64(max(0, now.UnixMicro())))
	s.Token = bid.Token
	s.Lease = flagcache.Lease{
		Holder:  bid.Holder,
		Epoch:   epoch + 1 + uint64(bid.Salt),
		Expires: now.Add(ttl),
	}
	return nil
}

// Renew is [flagcache.Store.Renew] at now.
func (s *State) Renew(now time.Time, claim flagcache.Claim, ttl time.Duration) error {
	if !s.holds(now, claim) {
		return flagcache.ErrNotHeld
	}
	s.Lease.Expires = now.Add(ttl)
	return nil
}

// Release is [flagcache.Store.Release] at now.
func (s *State) Release(now time.Time, claim flagcache.Claim) error {
	if claim.Epoch == 0 {
		claim.Epoch = s.Lease.Epoch
	}
	if !s.holds(now, claim) {
		return flagcache.ErrNotHeld
	}
	s.Token, s.Lease.Expires = "", time.Time{}
	return nil
}

// Save is [flagcache.Store.Save] at now. It keeps e.
func (s *State) Save(now time.Time, claim flagcache.Claim, e *flagcache.Entry) error {
	if done, err := s.admit(now, claim, e.Head); done || err != nil {
		return err
	}
	s.put(e)
	return nil
}

// Confirm is [flagcache.Store.Confirm] at now.
func (s *State) Confirm(now time.Time, claim flagcache.Claim, h flagcache.Head) error {
	if done, err := s.admit(now, claim, h); done || err != nil {
		return err
	}
	if s.Entry == nil || s.Entry.Revision != h.Revision {
		return flagcache.ErrBodyNeeded
	}
	e := *s.Entry
	e.Head = h
	s.put(&e)
	return nil
}

// Fail is [flagcache.Store.Fail] at now.
func (s *State) Fail(now time.Time, claim flagcache.Claim, f flagcache.Failure) error {
	if !s.holds(now, claim) {
		return flagcache.ErrNotHeld
	}
	if !f.After(s.head().Position) || s.Failure.After(f.Position) {
		return flagcache.ErrStale
	}
	s.Failure = f
	return nil
}

// RequestReload is [flagcache.Store.RequestReload] at now.
func (s *State) RequestReload(now time.Time) { s.Reload = now }

// admit decides about a write of h: it is to be made, or was made already, or
// is refused.
func (s *State) admit(now time.Time, claim flagcache.Claim, h flagcache.Head) (done bool, err error) {
	if !s.holds(now, claim) {
		return false, flagcache.ErrNotHeld
	}
	stored := s.head()
	if h.Position == stored.Position && h.Revision == stored.Revision {
		return true, nil
	}
	if h.Epoch != claim.Epoch || !h.After(stored.Position) {
		return false, flagcache.ErrStale
	}
	return false, nil
}

func (s *State) put(e *flagcache.Entry) {
	s.Entry = e
	if !s.Failure.After(e.Position) {
		s.Failure = flagcache.Failure{}
	}
}

func (s *State) holds(now time.Time, claim flagcache.Claim) bool {
	return claim.Token != "" && s.Token == claim.Token && s.Lease.Epoch == claim.Epoch && s.Lease.Expires.After(now)
}

func (s *State) head() flagcache.Head {
	if s.Entry == nil {
		return flagcache.Head{}
	}
	return s.Entry.Head
}
