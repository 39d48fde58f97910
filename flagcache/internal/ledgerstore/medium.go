// Package ledgerstore is a store on whatever can keep a small record and some
// documents: the steps of [flagcache.Ledger], written down.
//
// The record names documents by their revision, which is their hash, and a
// document is in place before the record that names it. So whatever happens in
// between, the two always belong together; and renewing a lease does not write
// a document.
package ledgerstore

import (
	"context"

	"github.com/hogflags/hogflags/flagdef"
)

// Medium keeps one scope's record and documents for many processes. It is safe
// for concurrent use, and its methods return soon after their context ends.
type Medium interface {
	// View lets f read, while others may write. It may call f again.
	View(ctx context.Context, f func(Reader) error) error

	// Update lets f read and write as if every other Update, of this process and
	// of others, came before or after: it keeps them out, or calls f again if
	// one came in between. An error of f's is returned after nothing was
	// written.
	Update(ctx context.Context, f func(Writer) error) error
}

// WatchedMedium is a Medium on the same host: to look at it costs next to nothing.
type WatchedMedium interface {
	Medium

	// Watch returns a function that reports whether there may have been an
	// Update since it was called last, cheaply enough to be called many times a
	// second by one goroutine, which ends by calling stop.
	Watch(ctx context.Context) (changed func(context.Context) (bool, error), stop func(), err error)
}

// Reader reads. An unknown document is an error that is fs.ErrNotExist.
type Reader interface {
	Record() ([]byte, error) // empty if there is none
	Size(flagdef.Revision) (bytes int, err error)
	Document(flagdef.Revision) ([]byte, error)
}

// Writer writes, too.
type Writer interface {
	Reader

	// Commit makes record and documents what is stored, in one step, and
	// forgets the documents that are not in keep. Those in documents are, and
	// need not be written again if they are there.
	Commit(record []byte, documents map[flagdef.Revision][]byte, keep map[flagdef.Revision]bool) error

	// SetAside puts a damaged document out of the way, or the record if the
	// revision is zero, and says where it is now; "" if it is gone.
	SetAside(flagdef.Revision) (where string, err error)
}
