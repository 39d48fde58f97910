//go:build unix

package pgcache_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/flagcache/pgcache"
	"github.com/hogflags/hogflags/internal/testservers"
)

func TestDiagnose(t *testing.T) {
	server := testservers.StartPostgres(t)
	pool := connect(t, server.URL)
	check := func(what string, pool *pgxpool.Pool, wants ...string) {
		t.Helper()
		s, err := pgcache.New(pool, fleettest.Scope)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, f := range s.Diagnose(t.Context()) {
			lines = append(lines, fmt.Sprintf("%s %s: %s -> %s", f.Severity, f.Check, f.Message, f.Fix))
		}
		got := strings.Join(lines, "\n")
		for _, w := range wants {
			if !strings.Contains(got, w) {
				t.Errorf("%s: got\n%s\nwant %q", what, got, w)
			}
		}
	}
	check("an empty database", pool, "ok server: version ", "ok connections: ", "error table: hogflags_definitions does not exist; this user may create it", "create_table=true", "ok push: heard after ")
	if err := pgcache.CreateTable(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	check("a database with tables", pool, "ok table: hogflags_definitions: ", "ok table: hogflags_documents: ")
	for _, statement := range []string{
		"CREATE ROLE reader LOGIN", "GRANT SELECT ON hogflags_definitions TO reader",
		"ALTER ROLE reader SET synchronous_commit = off", "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
	} {
		if _, err := pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	reader := connect(t, strings.Replace(server.URL, "postgres@", "reader@", 1))
	check("a user with few rights", reader, "note durability: synchronous_commit is off",
		"warning table: this user may read hogflags_definitions, and not write it", "GRANT INSERT, UPDATE, DELETE ON hogflags_definitions",
		"error table: this user may not read hogflags_documents", "GRANT SELECT ON hogflags_documents")
	server.Kill()
	check("a server that is down", pool, "error server: ", "error table: ", "warning push: ")
}

// A connection that fails is one line, although pgx tries with TLS and without.
func TestServerIsDown(t *testing.T) {
	s, err := pgcache.Open("postgres://ada:pw@127.0.0.1:1/flags", fleettest.Scope)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	_, err = s.Record(t.Context())
	const want = "read record in postgres: failed to connect to `user=ada database=flags`: 127.0.0.1:1 (127.0.0.1): dial error: dial tcp 127.0.0.1:1: connect: connection refused"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); !ok {
		t.Errorf("%#v holds no error of pgx", err)
	}
}
