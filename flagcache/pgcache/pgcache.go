// Package pgcache keeps flag definitions in Postgres, through the application's
// own pool: a row for each scope in the table hogflags_definitions, its pinned
// and former documents in hogflags_documents, a lease on the database's clock,
// and NOTIFY for whoever listens.
//
// Every step is one statement, so no lock outlives a process that was paused,
// and a transaction-mode pooler may stand in between. See docs/stores/postgres.md
// for what is guaranteed.
package pgcache

import (
	"context"
	_ "embed" // the schema
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hogflags/hogflags/flagcache"
)

//go:embed schema.sql
var schema string

// Store is a [flagcache.Store], [flagcache.Watcher] and [flagcache.Pinner]. It
// is safe for concurrent use.
type Store struct {
	pool    *pgxpool.Pool
	scope   flagcache.Scope
	key     string
	channel string
	sql     statements
	create  bool // the table, when it turns out to be missing
}

var (
	_ flagcache.Store   = (*Store)(nil)
	_ flagcache.Watcher = (*Store)(nil)
	_ flagcache.Pinner  = (*Store)(nil)
)

// New returns a store for scope. The pool stays the caller's to close, and the
// table must exist: see [CreateTable].
func New(pool *pgxpool.Pool, scope flagcache.Scope) (*Store, error) {
	if pool == nil {
		return nil, errors.New("open postgres store: no pool")
	}
	if err := scope.Validate(); err != nil {
		return nil, fmt.Errorf("open postgres store: %w", err)
	}
	return &Store{
		pool:    pool,
		scope:   scope.Canonical(),
		key:     scope.Key(),
		channel: "hogflags_" + scope.Key(),
		sql:     newStatements("clock_timestamp()"),
	}, nil
}

// CreateTable creates the tables if there are none, in the first schema of the
// search path. Many processes may call it at once.
func CreateTable(ctx context.Context, pool *pgxpool.Pool) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// CREATE … IF NOT EXISTS fails if two sessions do it at the same moment.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('hogflags_definitions'))"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, schema)
		return err
	})
	if err != nil {
		return fmt.Errorf("create table hogflags_definitions: %w", err)
	}
	return nil
}

// Scope is whose definitions these are.
func (s *Store) Scope() flagcache.Scope { return s.scope }

// Record reads everything but the document.
func (s *Store) Record(ctx context.Context) (flagcache.Record, error) {
	return s.step(ctx, "read record", s.sql.record, s.key)
}

// Acquire asks for the lease.
func (s *Store) Acquire(ctx context.Context, bid flagcache.Bid, ttl time.Duration) (flagcache.Record, error) {
	return s.stepOnRow(ctx, "acquire lease", s.sql.acquire,
		s.key, s.channel, bid.Token, bid.Holder, int64(bid.Seen), int64(bid.Salt), ttl.Microseconds())
}

// Renew prolongs the lease.
func (s *Store) Renew(ctx context.Context, claim flagcache.Claim, ttl time.Duration) (flagcache.Record, error) {
	return s.step(ctx, "renew lease", s.sql.renew, s.key, claim.Token, int64(claim.Epoch), ttl.Microseconds())
}

// Release frees the lease.
func (s *Store) Release(ctx context.Context, claim flagcache.Claim) (flagcache.Record, error) {
	return s.step(ctx, "release lease", s.sql.release, s.key, s.channel, claim.Token, int64(claim.Epoch))
}

// Save stores the entry.
func (s *Store) Save(ctx context.Context, claim flagcache.Claim, e *flagcache.Entry) (flagcache.Record, error) {
	args := append(s.observation(claim, e.Head), e.Schema, e.Project, e.Host, e.Body)
	return s.step(ctx, "save entry", s.sql.save, args...)
}

// Confirm gives the stored document a newer head.
func (s *Store) Confirm(ctx context.Context, claim flagcache.Claim, h flagcache.Head) (flagcache.Record, error) {
	return s.step(ctx, "confirm entry", s.sql.confirm, s.observation(claim, h)...)
}

// Fail records that upstream could not be read.
func (s *Store) Fail(ctx context.Context, claim flagcache.Claim, f flagcache.Failure) (flagcache.Record, error) {
	return s.step(ctx, "record failure", s.sql.fail, s.key, s.channel, claim.Token, int64(claim.Epoch),
		int64(f.Epoch), int64(f.Seq), string(f.Cause), f.Count, orNull(f.NotBefore))
}

// RequestReload asks the leader to poll now.
func (s *Store) RequestReload(ctx context.Context) (flagcache.Record, error) {
	return s.stepOnRow(ctx, "request reload", s.sql.reload, s.key, s.channel)
}

// Load reads the entry.
func (s *Store) Load(ctx context.Context) (*flagcache.Entry, error) {
	return s.load(ctx, "load entry", s.sql.load, s.key)
}

func (s *Store) load(ctx context.Context, name, sql string, args ...any) (e *flagcache.Entry, err error) {
	err = s.ask(ctx, func() (err error) {
		e, err = scanEntry(s.pool.QueryRow(ctx, sql, args...))
		return err
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, flagcache.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("%s from postgres: %w", name, err)
	}
	return e, nil
}

func (s *Store) observation(claim flagcache.Claim, h flagcache.Head) []any {
	return []any{
		s.key, s.channel, claim.Token, int64(claim.Epoch), int64(h.Epoch), int64(h.Seq),
		h.Revision[:], h.ETag, orNull(h.FetchedAt), orNull(h.CheckedAt), h.Signature,
	}
}

// stepOnRow takes a step that creates the row if the scope has none.
func (s *Store) stepOnRow(ctx context.Context, name, sql string, args ...any) (flagcache.Record, error) {
	rec, err := s.step(ctx, name, sql, args...)
	if !errors.Is(err, errNoRow) {
		return rec, err
	}
	if _, err := s.pool.Exec(ctx, s.sql.insert, s.key); err != nil {
		return flagcache.Record{}, fmt.Errorf("%s in postgres: %w", name, explain(err))
	}
	return s.step(ctx, name, sql, args...)
}

// errNoRow is the answer of a step that needs a row where there is none. It
// never leaves the package.
var errNoRow = errors.New("no row")

func (s *Store) step(ctx context.Context, name, sql string, args ...any) (flagcache.Record, error) {
	var answer string
	var rec flagcache.Record
	err := s.ask(ctx, func() (err error) {
		answer, rec, err = scanRecord(s.pool.QueryRow(ctx, sql, args...))
		return err
	})
	if err != nil {
		return flagcache.Record{}, fmt.Errorf("%s in postgres: %w", name, err)
	}
	known, ok := answers[answer]
	if !ok {
		return flagcache.Record{}, fmt.Errorf("%s in postgres: unexpected answer %q", name, answer)
	}
	return rec, known
}

// answers are what a statement says besides the record.
var answers = map[string]error{
	"ok":          nil,
	"done":        nil,
	"held":        flagcache.ErrHeld,
	"not held":    flagcache.ErrNotHeld,
	"stale":       flagcache.ErrStale,
	"body needed": flagcache.ErrBodyNeeded,
	"no row":      errNoRow,
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
