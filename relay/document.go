package relay

import (
	"bytes"
	"compress/gzip"
	"sync"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// document is what is served. It is not changed after it was made.
type document struct {
	revision flagdef.Revision
	etag     string // empty if upstream sent none
	applied  time.Time
	body     []byte
	gzipped  func() []byte // compresses at the first call
}

func newDocument(e *flagcache.Entry) *document {
	return &document{
		revision: e.Revision,
		etag:     e.ETag,
		applied:  time.Now(),
		body:     e.Body,
		gzipped:  sync.OnceValue(func() []byte { return compress(e.Body) }),
	}
}

// withETag is the same document under another validator.
func (d *document) withETag(etag string) *document {
	other := *d
	other.etag = etag
	return &other
}

func compress(body []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(body) // a bytes.Buffer does not fail
	_ = z.Close()
	return buf.Bytes()
}

// Current is nil: a relay keeps nothing from an earlier life.
func (r *Relay) Current() *flagcache.Entry { return nil }

// Check reports whether a document can be read as definitions.
func (r *Relay) Check(e *flagcache.Entry) error {
	_, err := flagdef.Parse(e.Body)
	return err
}

// Apply makes e the document that is served, if it can be read.
func (r *Relay) Apply(e *flagcache.Entry) error {
	if err := r.Check(e); err != nil {
		return err
	}
	r.served.Store(newDocument(e))
	r.log.Info("serving definitions", "revision", e.Revision.Short(), "position", e.Position.String(), "bytes", len(e.Body))
	return nil
}

// Notice takes over a validator that upstream changed without changing the
// document, of which Apply is not told.
func (r *Relay) Notice(s flagcache.Status) {
	d := r.served.Load()
	if d == nil || d.revision != s.Revision || d.etag == s.ETag {
		return
	}
	r.served.CompareAndSwap(d, d.withETag(s.ETag)) // else a newer document was applied meanwhile
}
