package sqlitecache

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/hogflags/hogflags/flagcache/internal/ledgerstore"
	"github.com/hogflags/hogflags/flagdef"
)

var (
	_ ledgerstore.WatchedMedium = (*database)(nil)
	_ ledgerstore.Writer        = transaction{}
)

// View reads a snapshot.
func (d *database) View(ctx context.Context, read func(ledgerstore.Reader) error) error {
	p, err := d.pools()
	if err != nil {
		return err
	}
	return d.within(ctx, p.reads, func(t transaction) error { return read(t) })
}

// Update reads and writes, while others may read what was there before.
func (d *database) Update(ctx context.Context, write func(ledgerstore.Writer) error) error {
	p, err := d.pools()
	if err != nil {
		return err
	}
	return d.within(ctx, p.writes, func(t transaction) error { return write(t) })
}

func (d *database) within(ctx context.Context, db *sql.DB, f func(transaction) error) error {
	err := patiently(ctx, func() error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := f(transaction{ctx, tx, d.scope}); err != nil {
			_ = tx.Rollback()
			return err
		}
		return tx.Commit()
	})
	return explain(d.path, err)
}

// patiently repeats f while another process holds the database, until ctx ends.
func patiently(ctx context.Context, f func() error) error {
	for {
		err := f()
		if e, ok := errors.AsType[*sqlite.Error](err); !ok || e.Code()&0xff != lib.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, ctx.Err())
		case <-time.After(rand.N(5 * time.Millisecond)):
		}
	}
}

// Watch asks SQLite, on a connection of its own, whether any other has written.
func (d *database) Watch(ctx context.Context) (func(context.Context) (bool, error), func(), error) {
	p, err := d.pools()
	if err != nil {
		return nil, nil, err
	}
	conn, err := p.reads.Conn(ctx)
	if err != nil {
		return nil, nil, explain(d.path, err)
	}
	var last int64
	changed := func(ctx context.Context) (bool, error) {
		if now, err := d.pools(); err != nil || now != p {
			return false, errors.Join(errors.New("the file was replaced"), err)
		}
		was := last
		err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&last)
		return was != last, explain(d.path, err)
	}
	return changed, func() { _ = conn.Close() }, nil
}

// transaction is one, of which the other processes see all or nothing.
type transaction struct {
	ctx   context.Context
	tx    *sql.Tx
	scope string
}

// Record reads the record.
func (t transaction) Record() (data []byte, err error) {
	err = t.tx.QueryRowContext(t.ctx, "SELECT record FROM records WHERE scope = ?", t.scope).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return data, err
}

// Size is that of a document.
func (t transaction) Size(rev flagdef.Revision) (bytes int, err error) {
	err = t.find(rev, "length(body)", &bytes)
	return bytes, err
}

// Document reads a document.
func (t transaction) Document(rev flagdef.Revision) (body []byte, err error) {
	err = t.find(rev, "body", &body)
	return body, err
}

func (t transaction) find(rev flagdef.Revision, column string, into any) error {
	err := t.tx.QueryRowContext(t.ctx, "SELECT "+column+" FROM documents WHERE scope = ? AND revision = ?", t.scope, rev[:]).Scan(into)
	if errors.Is(err, sql.ErrNoRows) {
		return fs.ErrNotExist
	}
	return err
}

// Commit writes record and documents, and removes old ones.
func (t transaction) Commit(record []byte, documents map[flagdef.Revision][]byte, keep map[flagdef.Revision]bool) error {
	for rev, body := range documents {
		if err := t.exec("INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT DO NOTHING", t.scope, rev[:], body); err != nil {
			return err
		}
	}
	if err := t.exec("INSERT INTO records VALUES (?, ?) ON CONFLICT DO UPDATE SET record = excluded.record", t.scope, record); err != nil {
		return err
	}
	if len(documents) == 0 {
		return nil
	}
	return t.sweep(keep)
}

func (t transaction) sweep(keep map[flagdef.Revision]bool) error {
	rows, err := t.tx.QueryContext(t.ctx, "SELECT revision FROM documents WHERE scope = ?", t.scope)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var old [][]byte
	for rows.Next() {
		var rev []byte
		if err := rows.Scan(&rev); err != nil {
			return err
		}
		if len(rev) != len(flagdef.Revision{}) || !keep[flagdef.Revision(rev)] {
			old = append(old, rev)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, rev := range old {
		if err := t.exec("DELETE FROM documents WHERE scope = ? AND revision = ?", t.scope, rev); err != nil {
			return err
		}
	}
	return nil
}

// SetAside removes what is damaged: SQLite keeps no rubbish for people to look at.
func (t transaction) SetAside(rev flagdef.Revision) (string, error) {
	if rev.IsZero() {
		return "", t.exec("DELETE FROM records WHERE scope = ?", t.scope)
	}
	return "", t.exec("DELETE FROM documents WHERE scope = ? AND revision = ?", t.scope, rev[:])
}

func (t transaction) exec(statement string, args ...any) error {
	_, err := t.tx.ExecContext(t.ctx, statement, args...)
	return err
}
