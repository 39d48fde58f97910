package flagcache

import "context"

// Publisher puts documents where many read them and nobody competes for a lease:
// a place without compare-and-set, which spreads what is written slowly. It keeps
// the order of documents by looking before it writes, and whoever reads there
// refuses to go back; two writers at a time may still undo each other's write until
// the next one.
//
// The errors are those of a [Store]. Methods are safe for concurrent use, block for
// as long as the place's limits ask for, and return soon after their context ends.
type Publisher interface {
	// Scope is whose definitions these are. It does no I/O.
	Scope() Scope

	// Published is the head of what is published. ErrNotFound if nothing is, or not
	// by hogflags.
	Published(ctx context.Context) (Head, error)

	// Load is Published with the document. ErrBadEntry if that is damaged.
	Load(ctx context.Context) (*Entry, error)

	// Publish puts the entry there. ErrStale if what is there is newer. The same
	// position again succeeds.
	Publish(ctx context.Context, e *Entry) error
}
