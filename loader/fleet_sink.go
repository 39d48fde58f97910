package loader

import (
	"context"
	"errors"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/posthogapi"
)

// A fleet is what its coordinator asks and feeds.
var (
	_ flagcache.Upstream = (*fleet)(nil)
	_ flagcache.Sink     = (*fleet)(nil)
)

// Fetch asks upstream, and keeps what came of it.
func (f *fleet) Fetch(ctx context.Context, etag string) (flagcache.Answer, error) {
	if err := f.call(f.to.asking); err != nil {
		return flagcache.Answer{}, err
	}
	a, err := f.upstream.Fetch(ctx, etag)
	last := &fetched{err: err}
	if err == nil && !a.NotModified {
		last.revision = flagcache.RevisionOf(a.Body)
	}
	f.fetched.Store(last)
	return a, err
}

// Current is the document of the file or the bootstrap.
func (f *fleet) Current() *flagcache.Entry { return f.start }

// Check parses a document that is not being served, and keeps that for Apply.
func (f *fleet) Check(e *flagcache.Entry) error {
	var refused error
	if err := f.call(func() { refused = f.check(e) }); err != nil {
		return err
	}
	return refused
}

func (f *fleet) check(e *flagcache.Entry) error {
	err := f.own(e)
	if err == nil && e.Revision != f.served {
		p := parsed{revision: e.Revision}
		p.defs, err = parse(e.Body)
		f.parsed = p
	}
	if err != nil {
		f.trouble = err
		f.to.failed(err)
	}
	return err
}

// Apply makes the document the one that is evaluated.
func (f *fleet) Apply(e *flagcache.Entry) error {
	var refused error
	if err := f.call(func() { refused = f.apply(e) }); err != nil {
		return err
	}
	return refused
}

func (f *fleet) apply(e *flagcache.Entry) error {
	if err := f.own(e); err != nil {
		f.trouble = err
		f.to.failed(err)
		return err
	}
	doc := document{body: e.Body, etag: e.ETag, source: FromStore, fetchedAt: e.FetchedAt, checkedAt: e.CheckedAt}
	if doc.checkedAt.Before(f.confirmedAt) && !doc.checkedAt.IsZero() {
		doc.checkedAt = f.confirmedAt // a newer document was not confirmed earlier: the store's clock is behind
	}
	if last := f.fetched.Load(); last != nil && last.revision == e.Revision {
		doc.source = FromUpstream
	}
	if f.parsed.revision == e.Revision {
		doc.defs = f.parsed.defs
	}
	f.parsed = parsed{}
	if err := f.to.received(doc); err != nil {
		f.trouble = err
		return err
	}
	f.served, f.trouble = e.Revision, nil
	return nil
}

// Notice keeps the status until the goroutine of run has time for it.
func (f *fleet) Notice(s flagcache.Status) {
	f.notice.Store(&s)
	select {
	case f.rung <- struct{}{}:
	default: // the one before was not heeded yet
	}
}

var errForeign = errors.New("the shared cache is another project's or host's: give it and the client the same ProjectToken and Host")

// own refuses a document that says to belong to somebody else; a provider's
// does not say.
func (f *fleet) own(e *flagcache.Entry) error {
	if e.Project != "" && f.foreign(flagcache.Scope{Project: e.Project, Host: e.Host}) {
		return errForeign
	}
	return nil
}

// foreign reports whether a scope is another than this process's.
func (f *fleet) foreign(s flagcache.Scope) bool {
	return f.scope != flagcache.Scope{} && spelled(s) != spelled(f.scope)
}

// spelled is a scope without the differences between spellings of one host.
func spelled(s flagcache.Scope) flagcache.Scope {
	if host, err := posthogapi.NormalizeHost(s.Host); err == nil {
		s.Host = host
	}
	return s.Canonical()
}
