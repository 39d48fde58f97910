package flagcache

import (
	"context"
	"errors"
	"time"
)

// What a store answers besides success. Every other error means that it is not
// known whether the operation took effect.
var (
	ErrNotFound   = errors.New("flagcache: no entry is stored")
	ErrHeld       = errors.New("flagcache: the lease is held by another")
	ErrNotHeld    = errors.New("flagcache: the lease is not held under this claim")
	ErrStale      = errors.New("flagcache: a newer entry is stored")
	ErrBodyNeeded = errors.New("flagcache: the stored entry is another document")
	ErrBadEntry   = errors.New("flagcache: unusable entry")
)

// ErrURL is in every error about a URL that names no store: a mistake of whoever
// wrote it, which no waiting mends.
var ErrURL = errors.New("flagcache: malformed store URL")

// Store keeps one scope's entry, lease, failure and reload request. It is
// mechanical: it compares and sets, and knows nothing of polling. What more a
// store can do is in [Watcher] and [Pinner].
//
// Every method is one atomic step, safe for concurrent use by many processes,
// and returns soon after its context ends. A method that returns nil or one of
// the errors named at it also returns the record as it is after the step. With
// any other error the step may or may not have been taken, now or later, and
// callers may repeat it.
//
// [github.com/hogflags/hogflags/flagcache/cachetest] is the suite that every
// store passes.
type Store interface {
	// Scope is whose definitions these are. It does no I/O.
	Scope() Scope

	// Record reads everything but the document.
	Record(ctx context.Context) (Record, error)

	// Load reads the entry with its document. ErrNotFound if there is none.
	Load(ctx context.Context) (*Entry, error)

	// Acquire grants the lease for ttl, at most MaxLease, if it is free or expired, was granted
	// under the same token, or has an epoch below bid.Seen. The granted epoch,
	// in the record's lease, is above the stored lease's and entry's epoch,
	// bid.Seen and the store's clock in microseconds. Else ErrHeld.
	Acquire(ctx context.Context, bid Bid, ttl time.Duration) (Record, error)

	// Renew lets a live lease run for ttl from now. Else ErrNotHeld.
	Renew(ctx context.Context, claim Claim, ttl time.Duration) (Record, error)

	// Release frees a live lease and keeps its epoch. A claim without an epoch
	// releases whatever its token was granted. Else ErrNotHeld.
	Release(ctx context.Context, claim Claim) (Record, error)

	// Save stores the entry if the claim's lease is live (else ErrNotHeld) and
	// the entry is newer than the stored one (else ErrStale), and clears an
	// older failure. The same position and revision again succeeds and changes
	// nothing.
	Save(ctx context.Context, claim Claim, e *Entry) (Record, error)

	// Confirm is Save for a document that did not change: the stored entry
	// takes the head. ErrBodyNeeded if another revision, or none, is stored.
	Confirm(ctx context.Context, claim Claim, h Head) (Record, error)

	// Fail records that upstream could not be read, if the claim's lease is
	// live (else ErrNotHeld) and neither the entry nor the recorded failure is
	// newer (else ErrStale).
	Fail(ctx context.Context, claim Claim, f Failure) (Record, error)

	// RequestReload asks the leader to poll now. The record's Reload is the
	// store's clock at the request.
	RequestReload(ctx context.Context) (Record, error)
}

// Watcher is what a store can that pushes.
type Watcher interface {
	// Watch calls hint once it listens and then whenever the record may have
	// changed, until ctx ends or the connection is lost, which it returns as an
	// error. Hints may be lost, repeated and merged: they say "look", and
	// nothing else. hint does not block.
	Watch(ctx context.Context, hint func()) error
}

// Record is what a store holds besides the document, in one consistent view.
type Record struct {
	Now     time.Time // the store's clock when it answered
	Lease   Lease     // the last one granted
	Head    Head      // zero if no entry is stored
	Failure Failure   // zero if the last answer from upstream was a good one
	Reload  time.Time // when a reload was last asked for; zero if never
	Pin     Pin       // the last decision about what is served; zero if there was none

	// Refused is why some of what is stored is not shown here, as if it were not
	// there: a decorator does not trust it. Nil from a store itself.
	Refused error
}

// MaxLease is the longest that a lease is granted for. One that seems to run
// for longer was granted before the store's clock was set back, and is free.
const MaxLease = time.Minute

// Live reports whether somebody held the lease when the store answered.
func (r Record) Live() bool {
	left := r.Lease.Expires.Sub(r.Now)
	return 0 < left && left <= MaxLease
}

// Lease is the right to poll upstream, as others see it.
type Lease struct {
	Holder  string    // the name of who holds it, for people
	Epoch   uint64    // kept after it ended; zero if none was granted yet
	Expires time.Time // by the store's clock; zero once released
}

// Bid asks for the lease.
type Bid struct {
	Token  string // secret of this attempt; repeated only if its answer was lost
	Holder string // a name for people
	Seen   uint64 // the greatest epoch that the bidder has ever seen
	Salt   uint32 // random, below 2^20: makes epochs unique across a wiped store
}

// Claim proves that a lease was granted to who presents it.
type Claim struct {
	Token string
	Epoch uint64
}

// Failure says that upstream could not be read, and how long everybody is to
// leave it alone. It outlives the lease under which it was recorded.
type Failure struct {
	Position            // of the attempt, in the same count as the entries
	Cause     Cause     // why
	Count     int       // attempts that failed since the last success
	NotBefore time.Time // nobody asks upstream earlier, by the store's clock
}

// Exists reports whether a failure is recorded.
func (f Failure) Exists() bool { return f.Epoch != 0 }
