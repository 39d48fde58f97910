package flagcache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// Schema is the version of the stored form. A process leaves an entry of
// another schema alone, as if the document in it were malformed.
const Schema = 1

// MaxEpoch is the greatest epoch that an entry or a lease may carry: every
// store, also one that computes in floating point, counts exactly up to here.
const MaxEpoch = 1<<53 - 1

// Scope names whose definitions a store keeps. Two scopes never share a key or
// a row, so projects and regions cannot swap flags.
type Scope struct {
	Project string // the public project token, phc_…
	Host    string // where the definitions come from, such as https://us.i.posthog.com
}

// Canonical returns the scope as it is stored and compared: without the case
// and the trailing slashes in which spellings of one host differ.
func (s Scope) Canonical() Scope {
	return Scope{
		Project: strings.TrimSpace(s.Project),
		Host:    strings.TrimRight(strings.ToLower(strings.TrimSpace(s.Host)), "/"),
	}
}

// Key is a short name for the scope, safe in keys and channel names.
func (s Scope) Key() string {
	c := s.Canonical()
	sum := sha256.Sum256([]byte(c.Project + "\n" + c.Host))
	return hex.EncodeToString(sum[:10])
}

// Validate reports what is missing from the scope.
func (s Scope) Validate() error {
	c := s.Canonical()
	if c.Project == "" {
		return errors.New("flagcache: the scope has no project token")
	}
	if c.Host == "" {
		return errors.New("flagcache: the scope has no host")
	}
	return nil
}

// Position orders observations of upstream. It says which of two entries is
// the newer; clocks and hashes do not. The zero Position comes before all.
type Position struct {
	Epoch uint64 // of the lease under which upstream was asked
	Seq   uint64 // counts the answers within the epoch, from 1
}

// Compare returns -1, 0 or +1 as p comes before, is, or comes after q.
func (p Position) Compare(q Position) int {
	switch {
	case p == q:
		return 0
	case p.Epoch < q.Epoch, p.Epoch == q.Epoch && p.Seq < q.Seq:
		return -1
	}
	return 1
}

// After reports whether p is newer than q.
func (p Position) After(q Position) bool { return p.Compare(q) > 0 }

func (p Position) String() string { return fmt.Sprintf("(%d,%d)", p.Epoch, p.Seq) }

// Head is an entry without its document: what a follower polls.
// The zero Head stands for "no entry".
type Head struct {
	Position
	Revision  flagdef.Revision
	ETag      string    // upstream's validator of exactly this revision; empty if it sent none
	FetchedAt time.Time // when upstream sent the document, by the store's clock
	CheckedAt time.Time // when the last request that confirmed it was about to be sent, by the store's clock; zero if not known
	Signature string    // of all of this and the document, kept as it is; empty without signing
}

// Exists reports whether there is an entry.
func (h Head) Exists() bool { return h.Epoch != 0 }

// Entry is one document with everything that must move with it. It is written
// and read as one, and not changed after it was made, so it may be shared.
type Entry struct {
	Schema  int
	Project string
	Host    string
	Body    []byte `json:"-"` // as upstream sent it, byte for byte; stores that write JSON keep it apart
	Head
}

// NewEntry makes an entry of the current schema whose revision is that of body.
func NewEntry(scope Scope, body []byte, etag string) *Entry {
	scope = scope.Canonical()
	return &Entry{
		Schema:  Schema,
		Project: scope.Project,
		Host:    scope.Host,
		Body:    body,
		Head:    Head{Revision: RevisionOf(body), ETag: etag},
	}
}

// RevisionOf is the revision of a document with these bytes.
func RevisionOf(body []byte) flagdef.Revision { return sha256.Sum256(body) }

// Verify reports why the entry must not be used for scope: another schema,
// another project's, damaged, or not numbered.
func (e *Entry) Verify(scope Scope) error {
	scope = scope.Canonical()
	switch {
	case e.Schema != Schema:
		return fmt.Errorf("%w: schema %d, this version reads %d", ErrBadEntry, e.Schema, Schema)
	case e.Project != scope.Project || e.Host != scope.Host:
		return fmt.Errorf("%w: it belongs to another project or host", ErrBadEntry)
	case e.Epoch == 0 || e.Epoch > MaxEpoch || e.Seq == 0:
		return fmt.Errorf("%w: position %v is out of range", ErrBadEntry, e.Position)
	case e.Revision != RevisionOf(e.Body):
		return fmt.Errorf("%w: the body does not match its revision", ErrBadEntry)
	}
	return nil
}
