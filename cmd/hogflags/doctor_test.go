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
		errors.New(`read record in postgres: FATAL: password authentication failed for user "u"`),
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
