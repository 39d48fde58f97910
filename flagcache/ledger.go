package flagcache

import "time"

// Ledger is the reference of what a store keeps and does: the record of one
// scope, and its transitions as plain functions of the time. A store that can
// run code next to its data repeats them there; any other reads a Ledger, takes
// one transition, and writes it back under compare-and-set. The zero Ledger is
// an empty store's. It is not safe for concurrent use, and may be copied.
type Ledger struct {
	Token   string // of the lease
	Lease   Lease
	Entry   *Entry // nil if none is stored
	Failure Failure
	Reload  time.Time
	Pin     Pin
	Pinned  *Entry   // the copy of what Pin names; nil if it pins nothing
	Former  []Former // newest first, at most MaxFormer, each revision once
}

// Former is a document that another replaced.
type Former struct {
	Entry      *Entry
	ReplacedAt time.Time
}

// Record is the state as others see it at now.
func (l *Ledger) Record(now time.Time) Record {
	r := Record{Now: now, Lease: l.Lease, Failure: l.Failure, Reload: l.Reload, Pin: l.Pin}
	if l.Entry != nil {
		r.Head = l.Entry.Head
	}
	return r
}

// Acquire is [Store.Acquire] at now.
func (l *Ledger) Acquire(now time.Time, bid Bid, ttl time.Duration) error {
	live := l.Record(now).Live()
	if live && l.Token != bid.Token && l.Lease.Epoch >= bid.Seen {
		return ErrHeld
	}
	epoch := max(l.Lease.Epoch, l.head().Epoch, bid.Seen, uint64(max(0, now.UnixMicro())))
	l.Token = bid.Token
	l.Lease = Lease{
		Holder:  bid.Holder,
		Epoch:   epoch + 1 + uint64(bid.Salt),
		Expires: now.Add(ttl),
	}
	return nil
}

// Renew is [Store.Renew] at now.
func (l *Ledger) Renew(now time.Time, claim Claim, ttl time.Duration) error {
	if !l.holds(now, claim) {
		return ErrNotHeld
	}
	l.Lease.Expires = now.Add(ttl)
	return nil
}

// Release is [Store.Release] at now.
func (l *Ledger) Release(now time.Time, claim Claim) error {
	if claim.Epoch == 0 {
		claim.Epoch = l.Lease.Epoch
	}
	if !l.holds(now, claim) {
		return ErrNotHeld
	}
	l.Token, l.Lease.Expires = "", time.Time{}
	return nil
}

// Save is [Store.Save] at now. It keeps e.
func (l *Ledger) Save(now time.Time, claim Claim, e *Entry) error {
	if done, err := l.admit(now, claim, e.Head); done || err != nil {
		return err
	}
	l.put(now, e)
	return nil
}

// Confirm is [Store.Confirm] at now.
func (l *Ledger) Confirm(now time.Time, claim Claim, h Head) error {
	if done, err := l.admit(now, claim, h); done || err != nil {
		return err
	}
	if l.Entry == nil || l.Entry.Revision != h.Revision {
		return ErrBodyNeeded
	}
	e := *l.Entry
	e.Head = h
	l.put(now, &e)
	return nil
}

// Fail is [Store.Fail] at now.
func (l *Ledger) Fail(now time.Time, claim Claim, f Failure) error {
	if !l.holds(now, claim) {
		return ErrNotHeld
	}
	if !f.After(l.head().Position) || l.Failure.After(f.Position) {
		return ErrStale
	}
	l.Failure = f
	return nil
}

// RequestReload is [Store.RequestReload] at now.
func (l *Ledger) RequestReload(now time.Time) { l.Reload = now }

// admit decides about a write of h: it is to be made, or was made already, or
// is refused.
func (l *Ledger) admit(now time.Time, claim Claim, h Head) (done bool, err error) {
	if !l.holds(now, claim) {
		return false, ErrNotHeld
	}
	stored := l.head()
	if h.Position == stored.Position && h.Revision == stored.Revision {
		return true, nil
	}
	if h.Epoch != claim.Epoch || !h.After(stored.Position) {
		return false, ErrStale
	}
	return false, nil
}

func (l *Ledger) put(now time.Time, e *Entry) {
	l.replace(now, e)
	l.Entry = e
	if !l.Failure.After(e.Position) {
		l.Failure = Failure{}
	}
}

func (l *Ledger) holds(now time.Time, claim Claim) bool {
	return claim.Token != "" && l.Token == claim.Token && l.Lease.Epoch == claim.Epoch && l.Record(now).Live()
}

func (l *Ledger) head() Head {
	if l.Entry == nil {
		return Head{}
	}
	return l.Entry.Head
}
