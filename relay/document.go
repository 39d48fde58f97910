package relay

import (
	"bytes"
	"math/bits"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/rules"
)

// document is one revision of a project's definitions, in all the forms in
// which it is used. It does not change.
type document struct {
	revision flagdef.Revision

	revisionText string
	former       []string      // revisions served before, the latest last
	replaced     chan struct{} // closed when the next document is served

	etag    string // of when it was adopted; empty if upstream gave none
	adopted time.Time
	body    []byte
	gzipped func() []byte // each compresses at its first call
	zstded  func() []byte

	set     *rules.Set
	feed    catalog
	inFlags *texts // of answers with their names, in version 2
	inBulk  *texts // of OFREP's answers

	tooOld   bool             // set decides nothing, for want of newer definitions
	withheld func() *document // the same, too old
}

func newDocument(d loader.Definitions, set *rules.Set, maxAge time.Duration) *document {
	doc := &document{
		revision: d.Revision,

		revisionText: d.Revision.String(),
		replaced:     make(chan struct{}),

		etag:    d.ETag,
		adopted: time.Now(),
		body:    d.Body,
		gzipped: sync.OnceValue(func() []byte { return gzipOf(d.Body) }),
		zstded:  sync.OnceValue(func() []byte { return zstdOf(d.Body) }),
		set:     set,
		feed:    newCatalog(set),
	}
	doc.inFlags = newTexts(set, appendNamed)
	doc.inBulk = newTexts(set, func(b []byte, a *rules.Answer) []byte {
		r := resolved(a, doc)
		return append(r.appendTo(append(b, '{'), ""), '}')
	})
	doc.withheld = sync.OnceValue(func() *document {
		old := *doc
		old.set, old.tooOld = set.Withheld(rules.Missing{Kind: rules.Freshness, Name: maxAge.String()}, nil), true
		return &old
	})
	return doc
}

// encoded is the body in a content encoding: "gzip", "zstd" or "".
func (d *document) encoded(encoding string) []byte {
	switch encoding {
	case "gzip":
		return d.gzipped()
	case "zstd":
		return d.zstded()
	}
	return d.body
}

// A buffer does not fail, and neither does what writes to it.

func gzipOf(body []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}

func zstdOf(body []byte) []byte {
	// A window for what there is: that of the level takes 20 MB of memory.
	window := min(max(1<<bits.Len(uint(len(body))), zstd.MinWindowSize), 8<<20)
	z, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(window))
	defer func() { _ = z.Close() }()
	return z.EncodeAll(body, nil)
}
