package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
)

// A server that lets nobody in is one finding; one that refuses something is
// looked at further.
func TestTurnedAway(t *testing.T) {
	for _, err := range []error{
		fmt.Errorf("record in redis: %w", &net.OpError{Op: "dial", Err: errors.New("connection refused")}),
		fmt.Errorf("record in redis: %w", &net.DNSError{Err: "no such host"}),
		fmt.Errorf("record in redis: %w", context.DeadlineExceeded),
		errors.New("record in redis: WRONGPASS invalid username-password pair or user is disabled"),
		errors.New("record in redis: NOAUTH Authentication required"),
		errors.New("read record in postgres: failed to connect to `user=u database=d`: 10.0.0.1:5432 (db): server error: FATAL: password authentication failed for user \"u\" (SQLSTATE 28P01)"),
		errors.New("read record in postgres: failed to connect to `user=u database=d`: 10.0.0.1:5432 (db): server error: FATAL: database \"d\" does not exist (SQLSTATE 3D000)"),
	} {
		if !turnedAway(err) {
			t.Errorf("%v: looked at further", err)
		}
	}
	for _, err := range []error{
		nil,
		errors.New("record in redis: NOPERM this user has no permissions to run the 'evalsha' command"),
		errors.New("read record in postgres: the table is missing: add create_table=true"),
	} {
		if turnedAway(err) {
			t.Errorf("%v: given up", err)
		}
	}
}

// What Postgres says last counts: before it, pgx tells that the server refused TLS.
func TestWayToReach(t *testing.T) {
	const withoutTLS = "read record in postgres: failed to connect to `user=u database=d`: 10.0.0.1:5432 (db): tls error: server refused TLS connection; 10.0.0.1:5432 (db): "
	for _, c := range []struct{ err, want string }{
		{withoutTLS + `failed SASL auth: FATAL: password authentication failed for user "u" (SQLSTATE 28P01)`, "check user and password"},
		{withoutTLS + `server error: FATAL: database "d" does not exist (SQLSTATE 3D000)`, "check the names of database and role"},
		{withoutTLS + `server error: FATAL: sorry, too many clients already (SQLSTATE 53300)`, "see the message"},
		{"record in redis: dial tcp 10.0.0.1:6379: connect: connection refused", "check host and port, and whether the server runs"},
		{"record in redis: dial tcp 10.0.0.1:6379: connectex: No connection could be made because the target machine actively refused it.", "check host and port, and whether the server runs"},
		{"record in redis: context deadline exceeded", "check the firewall between this host and the server, its load, and whether it speaks TLS as the URL says"},
	} {
		if got := wayToReach(errors.New(c.err)); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.err, got, c.want)
		}
	}
}
