// Package cachetest is the suite that every store of flag definitions passes.
// A store's own tests call [Run] with a way to open it over real data.
package cachetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// Backend is a store under test.
type Backend struct {
	// Open returns a handle on the data of scope. Several handles on one scope
	// share that data, like processes of a fleet.
	Open func(t testing.TB, scope flagcache.Scope) flagcache.Store

	// Wipe removes everything that is stored for scope, as an administrator
	// would. Nil skips what needs it.
	Wipe func(t testing.TB, scope flagcache.Scope)

	// Signs is for a store that signs what it is given, and shows no signatures.
	Signs bool

	// Evict removes the entry alone. Nil skips what needs it.
	Evict func(t testing.TB, scope flagcache.Scope)

	// ObjectsOnly says that bodies have to be JSON objects: others are left out.
	ObjectsOnly bool
}

// Run runs the suite. It uses scopes of its own, so it can share a server with
// other tests, and waits in real time for leases of some 100 ms.
func Run(t *testing.T, b Backend) {
	for _, test := range []struct {
		name string
		f    func(*testing.T, Backend)
	}{
		{"Empty", testEmpty},
		{"AcquireExcludes", testAcquireExcludes},
		{"AcquireAgain", testAcquireAgain},
		{"AcquireOutranks", testAcquireOutranks},
		{"AcquireAfterExpiry", testAcquireAfterExpiry},
		{"EpochGrows", testEpochGrows},
		{"EpochSurvivesWipe", testEpochSurvivesWipe},
		{"Renew", testRenew},
		{"Release", testRelease},
		{"ReleaseByToken", testReleaseByToken},
		{"SaveKeepsBytes", testSaveKeepsBytes},
		{"SaveTwice", testSaveTwice},
		{"SaveOlder", testSaveOlder},
		{"SaveWithoutLease", testSaveWithoutLease},
		{"Confirm", testConfirm},
		{"ConfirmNeedsBody", testConfirmNeedsBody},
		{"Failure", testFailure},
		{"FailureAndLateSave", testFailureAndLateSave},
		{"Reload", testReload},
		{"ScopesApart", testScopesApart},
		{"Pin", testPin},
		{"PinOlder", testPinOlder},
		{"PinKeepsItsCopy", testPinKeepsItsCopy},
		{"History", testHistory},
		{"HistoryOfReverts", testHistoryOfReverts},
		{"Cancelled", testCancelled},
		{"BigDocument", testBigDocument},
		{"Contenders", testContenders},
		{"ConcurrentSaves", testConcurrentSaves},
		{"Watch", testWatch},
		{"WatchGap", testWatchGap},
		{"MatchesLedger", testMatchesLedger},
		{"Fleet", testFleet},
	} {
		t.Run(test.name, func(t *testing.T) { test.f(t, b) })
	}
}

const (
	long  = flagcache.MaxLease / 2
	short = 150 * time.Millisecond
)

// scope returns one that no other test uses.
func scope() flagcache.Scope {
	return flagcache.Scope{Project: "phc_" + random(), Host: "https://us.i.posthog.com"}
}

func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (b Backend) fresh(t *testing.T) flagcache.Store {
	t.Helper()
	return b.Open(t, scope())
}

func bid(name string) flagcache.Bid {
	return flagcache.Bid{Token: name + "-" + random(), Holder: name, Salt: 7}
}

// acquire must succeed.
func acquire(t *testing.T, s flagcache.Store, b flagcache.Bid, ttl time.Duration) flagcache.Claim {
	t.Helper()
	rec, err := s.Acquire(t.Context(), b, ttl)
	if err != nil {
		t.Fatalf("acquire for %s: %v", b.Holder, err)
	}
	if !rec.Live() || rec.Lease.Holder != b.Holder {
		t.Fatalf("record after acquire: lease %+v at %v, want it live and held by %s", rec.Lease, rec.Now, b.Holder)
	}
	return flagcache.Claim{Token: b.Token, Epoch: rec.Lease.Epoch}
}

// entry makes one of the claim's epoch.
func entry(s flagcache.Store, c flagcache.Claim, seq uint64, body string) *flagcache.Entry {
	e := flagcache.NewEntry(s.Scope(), []byte(body), `W/"`+body[:min(8, len(body))]+`"`)
	e.Position = flagcache.Position{Epoch: c.Epoch, Seq: seq}
	e.FetchedAt = time.Date(2026, 11, 1, 12, 0, 0, 123456000, time.UTC)
	e.CheckedAt = e.FetchedAt.Add(time.Duration(seq) * time.Second)
	return e
}

func save(t *testing.T, s flagcache.Store, c flagcache.Claim, e *flagcache.Entry) flagcache.Record {
	t.Helper()
	rec, err := s.Save(t.Context(), c, e)
	if err != nil {
		t.Fatalf("save %v: %v", e.Position, err)
	}
	if rec.Head != e.Head {
		t.Fatalf("head after save: got %+v, want %+v", rec.Head, e.Head)
	}
	return rec
}

func record(t *testing.T, s flagcache.Store) flagcache.Record {
	t.Helper()
	rec, err := s.Record(t.Context())
	if err != nil {
		t.Fatalf("read record: %v", err)
	}
	return rec
}

func wantStored(t *testing.T, s flagcache.Store, want *flagcache.Entry) {
	t.Helper()
	got, err := s.Load(t.Context())
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	if err := got.Verify(s.Scope()); err != nil {
		t.Errorf("the loaded entry does not verify: %v", err)
	}
	if string(got.Body) != string(want.Body) || got.Head != want.Head {
		t.Errorf("stored: got %+v %.40q, want %+v %.40q", got.Head, got.Body, want.Head, want.Body)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// until repeats f until it reports true.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func name(i int) string { return fmt.Sprintf("p%02d", i) }
