package flagcache

import (
	"context"
	"errors"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// ErrNoPins is what a store says that keeps neither pins nor former documents.
var ErrNoPins = errors.New("flagcache: this store keeps no pins")

// MaxFormer is how many documents a [Pinner] keeps besides the current one and
// the pinned one.
const MaxFormer = 10

// Pin is an operator's decision about what is served: one document instead of
// the latest, or the latest again. It concerns serving alone: the latest goes on
// being polled, stored and confirmed. The zero Pin says that none was ever made.
type Pin struct {
	Number    uint64           // which of two decisions is the newer, as with positions; at most MaxEpoch
	Revision  flagdef.Revision // of the document to serve; zero once it was unpinned
	By, Why   string           // for people
	At        time.Time        // by the store's clock
	Signature string           // kept as it is; empty without signing
}

// Exists reports whether a document is pinned.
func (p Pin) Exists() bool { return !p.Revision.IsZero() }

// Pinner is what a store can that keeps pins and former documents. Its steps
// are like those of [Store]; every one that changes the pin is pushed.
type Pinner interface {
	// SetPin makes p the decision in force, if its number is greater than the
	// stored one's (else ErrStale). The store keeps a copy of doc of its own,
	// which has the revision of p and is nil if p pins nothing. The same number
	// and revision again succeeds and changes nothing.
	SetPin(ctx context.Context, p Pin, doc *Entry) (Record, error)

	// History lists the current document and, newest first, up to MaxFormer
	// that it replaced: those whose bytes changed, each revision once.
	History(ctx context.Context) ([]Version, error)

	// LoadRevision reads the document of a revision that is pinned, current or
	// former, with its last head. Else ErrNotFound.
	LoadRevision(ctx context.Context, r flagdef.Revision) (*Entry, error)
}

// Version is a document that is or was the current one.
type Version struct {
	Head
	Bytes      int       // of the document
	ReplacedAt time.Time // by the store's clock; zero for the current one
}
