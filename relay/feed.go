package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/publish"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
)

// maxFormer is how many revisions a feed remembers beside the one served.
const maxFormer = 15

// feed keeps a project's definitions current.
type feed struct {
	name   string // the project's, when it started
	of     supply
	loader *loader.Loader
	fleet  *flagcache.Fleet  // nil: it asks PostHog by itself
	store  Store             // nil likewise
	signed *flagcache.Signed // the store's view that verifies; nil if nothing is signed
	leader *publish.Leader   // the fleet's, if what it serves is published; nil: it is not
	served atomic.Pointer[document]

	adopting sync.Mutex // held from looking at what the loader has to serving it
	paused   bool       // nothing is adopted: another feed takes over
	before   *document  // what the feed that this one took over from served; nil once there is another

	counts counts
	ready  chan struct{} // closed when there is something to serve
	ended  chan struct{} // closed when nothing new will be served
}

// startFeed starts to keep definitions current. It does not wait for them, and
// serves those of the feed that it takes over from, if there is one, until it has
// others.
func startFeed(ctx context.Context, name string, of supply, keys flagcache.Keys, from *feed, d deps) (*feed, error) {
	f := &feed{name: name, of: of, ready: make(chan struct{}), ended: make(chan struct{})}
	log := d.log.With("project", name)
	cfg := loader.Config{
		File:            of.lastKnownGood,
		ProjectToken:    of.token,
		Host:            of.host,
		KeepDefinitions: true,
		MaxAge:          of.maxAge,
		Logger:          log,
	}
	if from != nil && !of.unproven(from) {
		cfg.Predecessor, f.before = from.loader, from.document()
	}
	if of.timeZone != "" {
		zone, err := time.LoadLocation(of.timeZone)
		if err != nil {
			return nil, err
		}
		cfg.TimeZone = zone
	}
	if !of.readOnly {
		client, err := posthogapi.New(posthogapi.Config{
			Host: of.host, ProjectToken: of.token, SecretKeyFunc: of.secret.get, HTTPClient: &http.Client{Transport: d.transport},
		})
		if err != nil {
			return nil, err
		}
		cfg.Upstream = d.tracing.polls(flagcache.PostHog(client), name)
	}
	if err := f.join(name, keys, d, log); err != nil {
		return nil, err
	}
	switch {
	case f.leader != nil:
		cfg.Coordinator = f.leader
	case f.fleet != nil:
		cfg.Coordinator = f.fleet
	default:
		cfg.PollInterval = of.interval
	}
	l, err := loader.New(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, f.closeStore())
	}
	f.loader = l
	l.OnChange(func(loader.Change) { f.adopt() })
	f.adopt() // what the file held is there before anybody could be told
	return f, nil
}

// pause keeps what is served as it is, so that a feed which takes over has
// nothing older.
func (f *feed) pause() {
	f.adopting.Lock()
	defer f.adopting.Unlock()
	f.paused = true
}

// replaced reports whether another feed is taking over, or has.
func (f *feed) replaced() bool {
	f.adopting.Lock()
	defer f.adopting.Unlock()
	return f.paused
}

func (f *feed) resume() {
	f.adopting.Lock()
	f.paused = false
	f.adopting.Unlock()
	f.adopt()
}

// adopt makes what the loader holds the document that is served. The loader calls
// it between two of its changes; when the feed starts, a change may come while it
// looks.
func (f *feed) adopt() {
	f.adopting.Lock()
	defer f.adopting.Unlock()
	d, ok := f.loader.Definitions()
	if !ok || f.paused {
		return
	}
	set := f.loader.Compiled()
	if again, _ := f.loader.Definitions(); again.Revision != d.Revision {
		return // the rules may be either's: who is told of the change comes next
	}
	now := f.served.Load()
	if now != nil && now.revision == d.Revision {
		return
	}
	next := newDocument(d, set, f.of.maxAge)
	if last := cmp.Or(now, f.before); last != nil {
		next.former = append(last.former[max(0, len(last.former)-maxFormer):len(last.former):len(last.former)], last.revisionText)
	}
	f.before = nil
	if f.served.Store(next); now != nil {
		close(now.replaced)
	} else {
		close(f.ready)
	}
}

// waitUntilReady returns nil once there is something to serve, which is a
// little after the loader has it.
func (f *feed) waitUntilReady(ctx context.Context) error {
	if err := f.loader.WaitUntilReady(ctx); err != nil {
		return err
	}
	select {
	case <-f.ready:
		return nil
	default:
	}
	select {
	case <-f.ready:
		return nil
	case <-f.ended:
		return loader.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// document is what is served now, nil if there is none yet.
func (f *feed) document() *document { return f.served.Load() }

// expired reports whether the definitions are older than they may be.
func (f *feed) expired() bool { return f.of.maxAge != 0 && f.loader.Expired() }

// current is a document to evaluate from, nil if d is: d, or what is left of it
// when it is older than it may be.
func (f *feed) current(d *document) *document {
	if d != nil && f.expired() {
		return d.withheld()
	}
	return d
}

// etag is the validator of a document. Upstream may change it without changing
// the document, of which nobody is told.
func (f *feed) etag(of *document) string {
	if d, ok := f.loader.Definitions(); ok && d.Revision == of.revision {
		return d.ETag
	}
	return of.etag
}

// close gives back the lease and ends the feed. What is being served stays
// usable for requests that have it. It is called once.
func (f *feed) close() error {
	close(f.ended)
	if err := errors.Join(f.loader.Close(), f.closeStore()); err != nil {
		return fmt.Errorf("project %s: %w", f.name, err)
	}
	return nil
}

// closeAll closes feeds at the same time: each may have to wait for its store.
func closeAll(feeds []*feed) error {
	var wait sync.WaitGroup
	errs := make([]error, len(feeds))
	for i, f := range feeds {
		wait.Go(func() { errs[i] = f.close() })
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (f *feed) closeStore() error {
	if f.store == nil {
		return nil
	}
	return f.store.Close()
}
