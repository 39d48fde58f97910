package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/flagcache/publish"
)

// Store is a fleet's store that the relay may close.
type Store interface {
	flagcache.Store
	io.Closer
}

// supply is what of a Project decides where its definitions come from. A reload
// that leaves it as it is leaves the feed alone.
type supply struct {
	token, host   string
	secret        Source
	cache         string // URL of the store, which may hold a password
	signing       signing
	publishTo     string
	publishToken  Source
	readOnly      bool
	interval      time.Duration
	maxAge        time.Duration
	lastKnownGood string
	timeZone      string
}

func (p *Project) supply() (supply, error) {
	cache := p.Cache
	if p.CacheFrom.set() {
		var err error
		if cache, err = p.CacheFrom.read(); err != nil {
			return supply{}, fmt.Errorf("cache_from: %w", err)
		}
	}
	return supply{
		token:         p.Token,
		host:          p.Host,
		secret:        p.SecretKey,
		cache:         cache,
		signing:       p.signing(),
		publishTo:     p.PublishTo,
		publishToken:  p.PublishToken,
		readOnly:      p.ReadOnly,
		interval:      p.PollInterval,
		maxAge:        p.MaxAge,
		lastKnownGood: p.LastKnownGood,
		timeZone:      p.TimeZone,
	}, nil
}

// deps is what a relay's parts need of the process.
type deps struct {
	open      func(url string, scope flagcache.Scope) (Store, error)
	publisher func(url string, scope flagcache.Scope, token func(context.Context) (string, error)) (flagcache.Publisher, error)
	transport http.RoundTripper
	log       *slog.Logger
	tracing   *tracing // nil: none
}

// join opens the store, if there is one.
func (f *feed) join(name string, keys flagcache.Keys, d deps, log *slog.Logger) error {
	url := f.of.cache
	if url == "" && f.of.publishTo == "" {
		return nil
	}
	scope := flagcache.Scope{Project: f.of.token, Host: f.of.host}
	store, err := openStore(url, scope, d)
	if err != nil {
		return err
	}
	if f.of.signing != unsigned {
		if f.signed, err = flagcache.NewSigned(store, keys); err != nil {
			return errors.Join(err, store.Close())
		}
		store = f.signed
	}
	f.fleet, err = flagcache.New(d.tracing.operations(store, name), flagcache.Options{Interval: f.of.interval, ReadOnly: f.of.readOnly, Logger: log})
	if err == nil && f.of.publishTo != "" {
		f.leader, err = f.publishing(scope, d, log)
	}
	if err != nil {
		return errors.Join(err, store.Close())
	}
	f.store = store
	return nil
}

// openStore opens a project's store. Without a URL it is the relay's own memory:
// for a leader without a fleet.
func openStore(url string, scope flagcache.Scope, d deps) (Store, error) {
	if url == "" {
		s, err := memorycache.New(scope)
		return memory{s}, err
	}
	if d.open == nil {
		return nil, errors.New("cache: this program cannot open stores")
	}
	store, err := d.open(url, scope)
	if err != nil {
		return nil, &StoreError{err}
	}
	return store, nil
}

type memory struct{ *memorycache.Store }

// Close does nothing: the memory is the garbage collector's.
func (memory) Close() error { return nil }

// publishing lets the fleet's leader publish.
func (f *feed) publishing(scope flagcache.Scope, d deps, log *slog.Logger) (*publish.Leader, error) {
	if d.publisher == nil {
		return nil, errors.New("publish_to: this program cannot publish")
	}
	to, err := d.publisher(f.of.publishTo, scope, f.of.publishToken.get)
	if err != nil {
		return nil, fmt.Errorf("publish_to: %w", err)
	}
	return publish.NewLeader(f.fleet, to, log)
}

// StoreError says that a project's store could not be opened.
type StoreError struct{ Err error }

// Error is that of the store, which holds no password.
func (e *StoreError) Error() string { return e.Err.Error() }

// Unwrap is the store's error.
func (e *StoreError) Unwrap() error { return e.Err }
