package flagcache

import (
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// SetPin is [Pinner.SetPin]. It keeps doc.
func (l *Ledger) SetPin(p Pin, doc *Entry) error {
	switch {
	case p.Number == l.Pin.Number && p.Revision == l.Pin.Revision:
		return nil
	case p.Number <= l.Pin.Number:
		return ErrStale
	}
	l.Pin, l.Pinned = p, doc
	return nil
}

// History is [Pinner.History].
func (l *Ledger) History() []Version {
	var out []Version
	if l.Entry != nil {
		out = append(out, Version{Head: l.Entry.Head, Bytes: len(l.Entry.Body)})
	}
	for _, f := range l.Former {
		out = append(out, Version{Head: f.Entry.Head, Bytes: len(f.Entry.Body), ReplacedAt: f.ReplacedAt})
	}
	return out
}

// LoadRevision is [Pinner.LoadRevision].
func (l *Ledger) LoadRevision(r flagdef.Revision) (*Entry, error) {
	for _, e := range l.Entries() {
		if e.Revision == r {
			return e, nil
		}
	}
	return nil, ErrNotFound
}

// Entries are all entries that the state refers to, some of them with the same
// revision. Their documents are what a store keeps; any other may go.
func (l *Ledger) Entries() []*Entry {
	var out []*Entry
	if l.Pinned != nil {
		out = append(out, l.Pinned)
	}
	if l.Entry != nil {
		out = append(out, l.Entry)
	}
	for _, f := range l.Former {
		out = append(out, f.Entry)
	}
	return out
}

// replace keeps the current document as a former one if next is another. The
// list is made anew: copies of the ledger share it.
func (l *Ledger) replace(now time.Time, next *Entry) {
	if l.Entry != nil && l.Entry.Revision == next.Revision {
		return
	}
	var kept []Former
	if l.Entry != nil {
		kept = append(kept, Former{l.Entry, now})
	}
	for _, f := range l.Former {
		again := f.Entry.Revision == next.Revision || l.Entry != nil && f.Entry.Revision == l.Entry.Revision
		if !again && len(kept) < MaxFormer {
			kept = append(kept, f)
		}
	}
	l.Former = kept
}
