package pgcache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// ask runs a query, and once more if it met a connection that had broken while
// it lay idle, or a table that is still to be made. Every step may be repeated.
func (s *Store) ask(ctx context.Context, query func() error) error {
	err := query()
	switch {
	case s.create && isMissing(err):
		if err := CreateTable(ctx, s.pool); err != nil {
			return err
		}
	case !isBroken(err) || ctx.Err() != nil:
		return explain(err)
	}
	return explain(query())
}

// What Postgres answers where the table is missing, or of an earlier version.
const (
	undefinedTable  = "42P01"
	undefinedColumn = "42703"
	adminShutdown   = "57P01"
)

func code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

func isMissing(err error) bool {
	c := code(err)
	return c == undefinedTable || c == undefinedColumn
}

// isBroken reports whether a connection that was once made is gone.
func isBroken(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return false
	}
	for _, gone := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return pgconn.SafeToRetry(err) || code(err) == adminShutdown
}

// explain says what to do about a missing table, and makes one line of a
// connection that failed.
func explain(err error) error {
	if isMissing(err) {
		return fmt.Errorf("%w: create it with pgcache.CreateTable, or add create_table=true to the URL", err)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return connectError{err}
	}
	return err
}

// connectError is pgx's in one line: pgx has one for each address, with TLS and
// without, and those are often the same.
type connectError struct{ err error }

func (e connectError) Error() string {
	lines := strings.Split(e.err.Error(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Replace(strings.Join(slices.Compact(lines), "; "), ":; ", ": ", 1)
}

func (e connectError) Unwrap() error { return e.err }
