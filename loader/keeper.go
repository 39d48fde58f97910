package loader

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// sink takes what a feeder observes, all of it in the feeder's goroutine.
type sink interface {
	// etag is the validator of the document held, empty if there is none.
	etag() string
	// asking notes that a request is under way.
	asking()
	// received takes a new document and makes it the current one.
	// With an error it was refused, and that is noted as failed notes it.
	received(document) error
	// confirmed notes that the document held is upstream's current one, as
	// of checkedAt and as told by source, and carries this etag from now on.
	confirmed(etag string, source Source, checkedAt time.Time)
	// failed notes why nothing was learned.
	failed(error)
}

// document is a definitions document with what belongs to it.
type document struct {
	body                 []byte
	defs                 *flagdef.Definitions // of the body; nil: not parsed yet
	etag                 string
	source               Source
	fetchedAt, checkedAt time.Time
}

// errUnconfirmed is the cause before upstream's first answer.
var errUnconfirmed = errors.New("upstream has not answered yet")

// keeper parses, compiles, swaps, and keeps the books. It does not know who
// feeds it.
type keeper struct {
	rules     atomic.Pointer[rules.Set] // of the document held
	serving   atomic.Pointer[serving]   // what is made of them
	ready     chan struct{}             // closed with the first rules
	refreshed atomic.Uint64             // how often a good answer came
	timeZone  *time.Location
	keep      bool                        // the document's bytes
	fixed     map[string]flagdef.Override // flags, whatever the document says
	maxAge    time.Duration               // zero: none
	onQuota   QuotaPolicy
	none      *rules.Set // of a project that is over its quota
	log       *slog.Logger
	file      lastKnownGood

	// Only the feeder's goroutine uses these.
	prints  fingerprints
	saved   flagdef.Revision // what the file is known to hold
	unsaved *document        // the one held, until the file holds it
	saveErr string           // the last failure to save, so that it is logged once

	mu        sync.Mutex
	held      Status // what belongs to the document
	body      []byte // of the document, if it is kept
	cause     error
	busy      bool   // a request is under way
	cleared   bool   // over the quota, and nothing is to be answered then
	changes   uint64 // how many were applied
	listeners []*listener
}

func newKeeper(cfg Config) *keeper {
	return &keeper{
		ready:    make(chan struct{}),
		timeZone: cfg.TimeZone,
		keep:     cfg.KeepDefinitions,
		fixed:    cfg.Overrides,
		maxAge:   cfg.MaxAge,
		onQuota:  cfg.OnQuotaLimited,
		none:     noFlags(cfg.Overrides),
		log:      cfg.Logger,
		file:     lastKnownGood{path: cfg.File, project: projectHash(cfg.ProjectToken), host: cfg.Host},
		cause:    errUnconfirmed,
	}
}

// start loads what the predecessor holds, else the file or, if there is none to
// use, the bootstrap document. It returns which it was, nil if none.
func (k *keeper) start(cfg Config) (*document, error) {
	if cfg.Predecessor != nil {
		if doc, ok := cfg.Predecessor.keeper.handOver(); ok {
			if _, err := k.apply(doc); err != nil {
				return nil, fmt.Errorf("loader config: use Predecessor: %w", err)
			}
			if k.file.path != "" {
				k.unsaved = &doc
			}
			return &doc, nil
		}
	}
	if k.file.path != "" {
		doc, err := k.file.read()
		if err == nil {
			_, err = k.apply(doc)
		}
		switch {
		case err == nil:
			k.saved = k.held.Revision
			return &doc, nil
		case errors.Is(err, fs.ErrNotExist):
			k.log.Debug("no last-known-good file yet", "file", k.file.path)
		default:
			k.log.Warn("last-known-good file ignored", "file", k.file.path, "error", err)
		}
	}
	if cfg.Bootstrap == nil {
		return nil, nil
	}
	doc := document{body: cfg.Bootstrap, source: Bootstrap}
	if _, err := k.apply(doc); err != nil {
		return nil, fmt.Errorf("loader config: use Bootstrap: %w", err)
	}
	return &doc, nil
}

// Definitions is a definitions document as upstream sent it, with what belongs
// to it. Do not change the Body.
type Definitions struct {
	Body     []byte
	ETag     string // empty if upstream gave none
	Revision flagdef.Revision
}

func (k *keeper) definitions() (Definitions, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Definitions{Body: k.body, ETag: k.held.ETag, Revision: k.held.Revision}, k.body != nil
}

// handOver is the document for a loader to start with: nobody has confirmed it
// to that one yet.
func (k *keeper) handOver() (document, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	doc := document{body: k.body, etag: k.held.ETag, source: Bootstrap, fetchedAt: k.held.FetchedAt, checkedAt: k.held.CheckedAt}
	return doc, k.body != nil
}

func (k *keeper) etag() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held.ETag
}

func (k *keeper) asking() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy = true
}

func (k *keeper) received(doc document) error {
	change, err := k.apply(doc)
	if err != nil {
		k.failed(err)
		return err
	}
	if change != nil {
		k.notify(*change)
	}
	if k.file.path != "" && k.saved != k.held.Revision {
		k.unsaved = &doc
	}
	k.save()
	return nil
}

func (k *keeper) confirmed(etag string, source Source, checkedAt time.Time) {
	k.mu.Lock()
	k.held.ETag, k.held.CheckedAt, k.held.Source = etag, past(checkedAt), source
	k.quotaLocked(false)
	before := k.settleLocked()
	k.serveLocked()
	k.mu.Unlock()
	k.logRecovery(before)
	if k.unsaved != nil {
		k.unsaved.etag, k.unsaved.checkedAt = etag, checkedAt
	}
	k.save()
}

func (k *keeper) failed(err error) {
	k.mu.Lock()
	before := k.cause
	k.cause, k.busy = err, false
	if quotaLimited(err) {
		k.quotaLocked(true)
		k.serveLocked()
	}
	k.mu.Unlock()

	level := slog.LevelDebug // the same again; its text may differ by a port number
	if causeName(before) != causeName(err) {
		level = slog.LevelWarn
	}
	k.log.Log(context.Background(), level, "definitions not refreshed", "cause", causeName(err), "error", err)
}

// causeName is what kind of failure an error is, for the log.
func causeName(err error) string {
	switch {
	case err == nil:
		return "none"
	case errors.Is(err, errUnconfirmed):
		return "unconfirmed"
	case errors.Is(err, ErrBadDocument):
		return string(flagcache.CauseBadDocument)
	case errors.Is(err, errCutOff):
		return "cut_off"
	}
	if u, ok := errors.AsType[*flagcache.UpstreamError](err); ok {
		return string(u.Cause)
	}
	return string(flagcache.CauseUnreachable)
}
