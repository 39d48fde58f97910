//go:build unix

package dynamocache

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
)

// WithoutGrace lets the store delete at once what is no longer needed.
func WithoutGrace(s *Store) { s.table.grace = 0 }

// OnTestClock is a store on a clock that the test sets.
func OnTestClock(s *Store) cachetest.Replayable {
	var now atomic.Pointer[time.Time]
	s.OnClock(func() time.Time { return *now.Load() })
	return cachetest.Replayable{
		Store:  s,
		SetNow: func(_ testing.TB, at time.Time) { now.Store(&at) },
		Restore: func(t testing.TB, l flagcache.Ledger) {
			if err := s.Replace(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// WithParts lets the store split documents into parts of so many bytes.
func WithParts(s *Store, size int) { s.table.partSize = size }

// OnHost lets the store run on a host with another clock.
func OnHost(s *Store, host func() time.Time) { s.table.clock.host = host }

// ClientOf is the client of the store.
func ClientOf(o Owned) *dynamodb.Client { return o.table.client.(*dynamodb.Client) }

// CurrentUpload is where the current document lies.
func CurrentUpload(t testing.TB, s *Store) string {
	t.Helper()
	rec, err := s.Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i, err := s.table.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return i.index.Documents[rec.Head.Revision].ID
}
