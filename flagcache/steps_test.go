package flagcache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
)

// TestReaderForgivesALowerEpoch: after a store was wiped and its clock set
// back, a new fleet writes lower epochs. A reader takes them once a live leader
// has confirmed them three times, and not before.
func TestReaderForgivesALowerEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(7)
		server := fleettest.NewServer()
		high := flagcache.NewEntry(fleettest.Scope, []byte(fleettest.Doc(1)), "")
		high.Position = flagcache.Position{Epoch: flagcache.MaxEpoch / 2, Seq: 9}
		server.Change(func(l *flagcache.Ledger) { l.Entry = high })
		reader := join(t, server.Link(), up, flagcache.Options{ReadOnly: true})
		settle(time.Second)
		wantBody(t, []*fleettest.Node{reader}, 1)
		server.Change(func(l *flagcache.Ledger) { *l = flagcache.Ledger{} })
		join(t, server.Link(), up, flagcache.Options{Name: "new"})
		settle(2 * interval)
		wantBody(t, []*fleettest.Node{reader}, 1)
		settle(5 * interval)
		wantBody(t, []*fleettest.Node{reader}, 7)
		if reader.Status().Counters.OlderSeen == 0 {
			t.Error("that the store went back was not counted")
		}
	})
}

// TestEverybodyElseOutbidsALowerEpoch: a process that has seen a greater epoch
// does not wait for a leader of the past.
func TestEverybodyElseOutbidsALowerEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		n := join(t, server.Link(), up, flagcache.Options{Name: "a"})
		settle(time.Second)
		past := server.Stored()
		past.Lease = flagcache.Lease{Holder: "past", Epoch: past.Lease.Epoch - 1000, Expires: time.Now().Add(12 * time.Second)}
		past.Token = "past"
		server.Change(func(l *flagcache.Ledger) { *l = past })
		settle(4 * time.Second)
		if got := server.Stored().Lease; n.Status().Role != flagcache.RoleLeader || got.Holder != "a" {
			t.Errorf("role %q, lease %+v, want the lease back", n.Status().Role, got)
		}
	})
}

// TestNotBeforeIsBounded: a record that forbids polling for a day, by a clock
// that was wrong, holds nobody longer than an hour.
func TestNotBeforeIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		server.Change(func(l *flagcache.Ledger) {
			l.Failure = flagcache.Failure{
				Position: flagcache.Position{Epoch: 1, Seq: 1}, Cause: flagcache.CauseRateLimited,
				Count: 1, NotBefore: time.Now().Add(24 * time.Hour),
			}
		})
		n := join(t, server.Link(), up, flagcache.Options{Name: "a"})
		settle(59 * time.Minute)
		if got := len(up.Requests()); got != 0 {
			t.Fatalf("%d requests within the hour, want none", got)
		}
		settle(2 * time.Minute)
		wantBody(t, []*fleettest.Node{n}, 1)
	})
}

// TestOneGoodAmongBad: whoever cannot reach upstream passes the lease on, until
// the one that can has it.
func TestOneGoodAmongBad(t *testing.T) {
	for round := range 5 {
		synctest.Test(t, func(t *testing.T) {
			up := fleettest.NewUpstream(1)
			server := fleettest.NewServer()
			var nodes []*fleettest.Node
			for i := range 4 {
				f, err := flagcache.New(server.Link(), flagcache.Options{Name: fmt.Sprint("bad", i)})
				if err != nil {
					t.Fatal(err)
				}
				nodes = append(nodes, fleettest.Start(t, f, &turning{Upstream: up.For("bad"), cause: flagcache.CauseUnreachable}))
			}
			settle(time.Duration(round) * time.Second)
			nodes = append(nodes, join(t, server.Link(), up, flagcache.Options{Name: "good"}))
			settle(3 * time.Minute)
			wantBody(t, nodes, 1)
		})
	}
}

// TestUselessStorePassesOn: upstream answers, but this process cannot store it.
func TestUselessStorePassesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		link := server.Link()
		link.Before(func(_ context.Context, op string) error {
			if op == "save" {
				return errors.New("too large")
			}
			return nil
		})
		bad := join(t, link, up, flagcache.Options{Name: "bad"})
		settle(time.Second)
		wantBody(t, []*fleettest.Node{bad}, 1) // it serves what it cannot store
		if bad.Status().StoreErr == nil {
			t.Error("that it cannot store is not shown")
		}
		good := join(t, server.Link(), up, flagcache.Options{Name: "good"})
		settle(3*interval + 30*time.Second)
		wantBody(t, []*fleettest.Node{bad, good}, 1)
		if got := string(server.Stored().Entry.Body); got != fleettest.Doc(1) {
			t.Errorf("stored %s", got)
		}
	})
}

// TestBadDocumentIsKeptOut: from upstream it is not stored, from the store it
// is not served, and the last good one goes on.
func TestBadDocumentIsKeptOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		leader := join(t, server.Link(), up, flagcache.Options{Name: "leader"})
		reader := join(t, server.Link(), up, flagcache.Options{ReadOnly: true})
		settle(time.Second)
		up.Publish(`{"error":"a proxy's page"}`)
		settle(interval * 11 / 10)
		if got := leader.Status().Failure; got != flagcache.CauseBadDocument {
			t.Errorf("cause %q, want %q", got, flagcache.CauseBadDocument)
		}
		if got := string(server.Stored().Entry.Body); got != fleettest.Doc(1) {
			t.Errorf("stored %s", got)
		}
		bad := flagcache.NewEntry(fleettest.Scope, []byte(`{"oops":true}`), "")
		bad.Position = server.Stored().Entry.Position
		bad.Seq += 100
		server.Change(func(l *flagcache.Ledger) { l.Entry = bad })
		settle(2 * interval)
		wantBody(t, []*fleettest.Node{leader, reader}, 1)
		if reader.Status().Counters.BadEntries == 0 {
			t.Error("the bad entry was not counted")
		}
		up.Publish(fleettest.Doc(2))
		settle(5 * time.Minute)
		wantBody(t, []*fleettest.Node{leader, reader}, 2)
	})
}

// TestEmptyAndAlone: a process that starts without store and file asks once,
// spread over an interval, and again only after ten.
func TestEmptyAndAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		var nodes []*fleettest.Node
		var links []*fleettest.Link
		for i := range 20 {
			links = append(links, server.Link())
			links[i].Cut()
			nodes = append(nodes, join(t, links[i], up, flagcache.Options{Name: fmt.Sprint(i)}))
		}
		settle(interval + 10*time.Second)
		wantBody(t, nodes, 1)
		if got := len(up.Requests()); got != 20 {
			t.Errorf("%d requests of 20 empty processes, want one each", got)
		}
		at := map[time.Duration]int{}
		for _, r := range up.Requests() {
			at[time.Since(r.At).Truncate(time.Second)]++
		}
		if len(at) < 8 {
			t.Errorf("the requests fell into %d different seconds, want them spread over the interval", len(at))
		}
		settle(8 * interval)
		if got := len(up.Requests()); got != 20 {
			t.Errorf("%d requests within ten intervals, want no more than 20", got)
		}
		up.Publish(fleettest.Doc(2))
		for _, l := range links {
			l.Mend()
		}
		settle(interval + 15*time.Second)
		wantBody(t, nodes, 2)
		for _, n := range nodes {
			if n.Status().Position.Epoch == 0 {
				t.Error("a process goes on with what it fetched directly")
			}
		}
	})
}

// TestBootstrapYields: a document from a file is served until the store has
// any, and spares upstream nothing but the bytes.
func TestBootstrapYields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		link := server.Link()
		link.Cut()
		file := flagcache.NewEntry(fleettest.Scope, []byte(fleettest.Doc(1)), fleettest.ETag(fleettest.Doc(1)))
		file.Position = flagcache.Position{Epoch: flagcache.MaxEpoch, Seq: 1} // of another store; does not count
		file.CheckedAt = time.Now()
		f, err := flagcache.New(link, flagcache.Options{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		n := fleettest.StartWith(t, f, up.For("a"), file)
		settle(9 * interval)
		if got := len(up.Requests()); got != 0 {
			t.Errorf("%d requests with a fresh file, want none", got)
		}
		link.Mend()
		settle(5 * time.Second)
		if full, same := up.Count(200), up.Count(304); full != 0 || same != 1 {
			t.Errorf("%d full and %d conditional requests, want 0 and 1: the file has the bytes", full, same)
		}
		if got := n.Status().Position; got.Epoch == 0 || got.Epoch == flagcache.MaxEpoch {
			t.Errorf("position %v, want the store's", got)
		}
		if got := string(server.Stored().Entry.Body); got != fleettest.Doc(1) {
			t.Errorf("stored %s", got)
		}
	})
}

// TestUnaskedNotModified: a 304 to an unconditional request is a proxy's doing.
func TestUnaskedNotModified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := flagcache.New(newMemory(t), flagcache.Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := fleettest.Start(t, f, always304{})
		settle(time.Second)
		if s := n.Status(); s.Loaded || s.Failure != flagcache.CauseUnreachable {
			t.Errorf("status %+v", s)
		}
	})
}

type always304 struct{}

func (always304) Fetch(context.Context, string) (flagcache.Answer, error) {
	return flagcache.Answer{NotModified: true}, nil
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	store := newMemory(t)
	if _, err := flagcache.New(nil, flagcache.Options{}); err == nil {
		t.Error("no store was accepted")
	}
	if _, err := flagcache.New(store, flagcache.Options{Interval: time.Millisecond}); err == nil || !strings.Contains(err.Error(), "interval") {
		t.Errorf("an interval of a millisecond: %v", err)
	}
	f, err := flagcache.New(store, flagcache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Reload(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("reload before run: %v, want it to wait for Run or its context", err)
	}
	if err := f.Run(t.Context(), nil, &fleettest.Sink{}); err == nil {
		t.Error("run without upstream was accepted")
	}
}

// TestReaderReloadsAfterTheCall: the answer to a look that was sent before a
// reader was asked to reload does not serve that reload.
func TestReaderReloadsAfterTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		leader := join(t, server.Link(), up, flagcache.Options{Name: "leader"})
		link := server.Link()
		reader := join(t, link, up, flagcache.Options{ReadOnly: true})
		settle(2 * time.Second)
		link.After(func(context.Context, string) error { time.Sleep(time.Second); return nil })
		before := make(chan error, 1)
		go func() { before <- reader.Coordinator.Reload(t.Context()) }()
		synctest.Wait() // what was stored is on its way
		link.After(nil)
		up.Publish(fleettest.Doc(2))
		if err := leader.Coordinator.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := reader.Coordinator.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantBody(t, []*fleettest.Node{reader}, 2)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the reload took %v", took)
		}
		if err := <-before; err != nil {
			t.Error(err)
		}
	})
}
