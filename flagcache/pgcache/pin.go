package pgcache

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// SetPin decides what is served.
func (s *Store) SetPin(ctx context.Context, p flagcache.Pin, doc *flagcache.Entry) (flagcache.Record, error) {
	var revision []byte
	if p.Exists() {
		revision = p.Revision[:]
	}
	if doc == nil {
		doc = new(flagcache.Entry)
	}
	return s.stepOnRow(ctx, "pin", s.sql.pin,
		s.key, s.channel, int64(p.Number), revision, p.By, p.Why, orNull(p.At), p.Signature,
		int64(doc.Epoch), int64(doc.Seq), doc.ETag, orNull(doc.FetchedAt), orNull(doc.CheckedAt), doc.Signature,
		doc.Schema, doc.Project, doc.Host, doc.Body)
}

// History lists the current document and those before it.
func (s *Store) History(ctx context.Context) ([]flagcache.Version, error) {
	var list []flagcache.Version
	err := s.ask(ctx, func() error {
		rows, err := s.pool.Query(ctx, s.sql.history, s.key)
		if err == nil {
			list, err = pgx.CollectRows(rows, scanVersion)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read history from postgres: %w", err)
	}
	return list, nil
}

func scanVersion(r pgx.CollectableRow) (v flagcache.Version, err error) {
	var rev []byte
	var epoch, seq int64
	var fetched, checked, replaced *time.Time
	var bytes *int64
	err = r.Scan(&epoch, &seq, &rev, &v.ETag, &fetched, &checked, &v.Signature, &bytes, &replaced)
	v.Position = flagcache.Position{Epoch: uint64(epoch), Seq: uint64(seq)}
	v.Revision, v.FetchedAt, v.CheckedAt = revision(rev), utc(fetched), utc(checked)
	v.Bytes, v.ReplacedAt = int(or(bytes)), utc(replaced)
	return v, err
}

// LoadRevision reads a document that is pinned, current or former.
func (s *Store) LoadRevision(ctx context.Context, r flagdef.Revision) (*flagcache.Entry, error) {
	return s.load(ctx, "load revision", s.sql.loadRevision, s.key, r[:])
}
