//go:build !hogflags_edge

package flagdef

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Revision identifies a definitions document: the SHA-256 of its bytes. Equal
// revisions mean equal bytes. The zero Revision stands for no document.
type Revision [sha256.Size]byte

// RevisionOf returns the revision of a document.
func RevisionOf(body []byte) Revision { return sha256.Sum256(body) }

// String is the revision in hexadecimal, or "" for the zero Revision.
func (r Revision) String() string {
	if r.IsZero() {
		return ""
	}
	return hex.EncodeToString(r[:])
}

// Short is the first twelve digits of String, enough for a person to tell two
// revisions apart.
func (r Revision) Short() string {
	s := r.String()
	return s[:min(12, len(s))]
}

// IsZero reports whether r stands for no document.
func (r Revision) IsZero() bool { return r == Revision{} }

// MarshalText makes the revision a string in JSON: that of String.
func (r Revision) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote, and no other spelling of it.
func (r *Revision) UnmarshalText(text []byte) error {
	var read Revision
	if len(text) == hex.EncodedLen(len(read)) {
		_, _ = hex.Decode(read[:], text) // what is not read is not written again below
	}
	if read.String() != string(text) {
		return fmt.Errorf("read revision: %d characters, want %d in hexadecimal, lower case", len(text), hex.EncodedLen(len(read)))
	}
	*r = read
	return nil
}
