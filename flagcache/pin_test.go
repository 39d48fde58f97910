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

func pinTo(t *testing.T, store flagcache.Store, ref string) flagcache.Pin {
	t.Helper()
	p, doc, err := flagcache.PinRevision(t.Context(), store, ref, "ada", "checkout is broken")
	if err != nil {
		t.Fatalf("pin %s: %v", ref, err)
	}
	if doc.Revision != p.Revision {
		t.Fatalf("pinned %v with the document %v", p.Revision, doc.Revision)
	}
	return p
}

func unpin(t *testing.T, store flagcache.Store) {
	t.Helper()
	if _, err := flagcache.Unpin(t.Context(), store, "ada", "fixed"); err != nil {
		t.Fatalf("unpin: %v", err)
	}
}

func revision(version int) string {
	return flagcache.RevisionOf([]byte(fleettest.Doc(version))).String()
}

// TestPin follows an incident: a bad edit, a pin, edits meanwhile, an unpin. The
// pin and the unpin are pushed; polling goes on all the time.
func TestPin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		store, nodes := fleet(t, 3, up)
		nodes = append(nodes, join(t, store, up, flagcache.Options{Name: "reader", ReadOnly: true}))
		settle(5 * time.Second)
		up.Publish(fleettest.Doc(2))
		settle(2 * interval)
		wantBody(t, nodes, 2)

		p := pinTo(t, store, flagcache.Previous)
		settle(time.Second)
		wantBody(t, nodes, 1)
		up.Publish(fleettest.Doc(3))
		asked := len(up.Requests())
		settle(4 * interval)
		wantBody(t, nodes, 1)
		if polls := len(up.Requests()) - asked; polls < 3 {
			t.Errorf("%d polls in 4 intervals under a pin, want it to go on", polls)
		}
		for i, n := range nodes {
			s := n.Status()
			if s.Pin != p || s.Revision.String() != revision(1) || s.ETag != fleettest.ETag(fleettest.Doc(1)) {
				t.Errorf("p%d serves %s %s under pin %+v", i, s.Revision.Short(), s.ETag, s.Pin)
			}
			if s.Latest.String() != revision(3) || time.Since(s.ConfirmedAt) > 2*interval {
				t.Errorf("p%d knows the latest %s, confirmed at %v, want it to be followed", i, s.Latest.Short(), s.ConfirmedAt)
			}
		}
		late := join(t, store, up, flagcache.Options{Name: "late"})
		settle(3 * time.Second)
		nodes = append(nodes, late)
		wantBody(t, nodes, 1)
		if got := late.Applied(); len(got) != 1 {
			t.Errorf("a new process served %d documents, want the pinned one alone", len(got))
		}

		unpin(t, store)
		settle(time.Second)
		wantBody(t, nodes, 3)
		for i, n := range nodes {
			if s := n.Status(); s.Pin.Exists() || s.Revision != s.Latest || s.ETag != fleettest.ETag(fleettest.Doc(3)) {
				t.Errorf("p%d unpinned: %+v", i, s)
			}
		}
		for _, r := range up.Requests()[asked:] {
			if r.Status == 200 && r.ETag == "" {
				t.Errorf("%s asked without an ETag: the pin cost upstream a document", r.By)
			}
		}
	})
}

// TestPinUnpinWithoutAChange: pinning what is served, and unpinning it, hands
// nothing to the sink.
func TestPinUnpinWithoutAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		store, nodes := fleet(t, 3, up)
		settle(5 * time.Second)
		pinTo(t, store, revision(1)[:6])
		settle(3 * time.Second)
		for _, n := range nodes {
			if !n.Status().Pin.Exists() {
				t.Errorf("status %+v, want the pin", n.Status())
			}
		}
		unpin(t, store)
		settle(3 * time.Second)
		for i, n := range nodes {
			if got := len(n.Applied()); got != 1 || n.Status().Pin.Exists() {
				t.Errorf("p%d: %d documents applied, pin %+v, want one, and none", i, got, n.Status().Pin)
			}
		}
	})
}

// TestPinOutlastsItsLeader: a new leader under a pin polls conditionally on the
// latest, and the edit that it finds is there once the pin is gone.
func TestPinOutlastsItsLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		store, nodes := fleet(t, 3, up)
		settle(5 * time.Second)
		up.Publish(fleettest.Doc(2))
		settle(2 * interval)
		pinTo(t, store, flagcache.Previous)
		settle(time.Second)
		leader := fleettest.Leaders(nodes)[0]
		full := up.Count(200)
		leader.Stop()
		settle(2 * interval)
		if got := up.Count(200); got != full {
			t.Errorf("%d full requests after the take-over, want none", got-full)
		}
		up.Publish(fleettest.Doc(3))
		settle(2 * interval)
		unpin(t, store)
		settle(time.Second)
		for _, n := range nodes {
			if n != leader {
				wantBody(t, []*fleettest.Node{n}, 3)
			}
		}
	})
}

// TestPinMeetsAnUnreachableStore: who cannot reach the store keeps what it has,
// and follows the pin when it can.
func TestPinMeetsAnUnreachableStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		link := server.Link()
		lead := join(t, server.Link(), up, flagcache.Options{Name: "leader"})
		settle(time.Second)
		far := join(t, link, up, flagcache.Options{Name: "far"})
		settle(time.Second)
		up.Publish(fleettest.Doc(2))
		settle(2 * interval)
		link.Cut()
		pinTo(t, server.Link(), flagcache.Previous)
		settle(30 * time.Second)
		wantBody(t, []*fleettest.Node{lead}, 1)
		wantBody(t, []*fleettest.Node{far}, 2)
		link.Mend()
		settle(5 * time.Second)
		wantBody(t, []*fleettest.Node{lead, far}, 1)
		link.Cut()
		settle(time.Minute)
		wantBody(t, []*fleettest.Node{far}, 1)
	})
}

// TestDamagedPin: a pin whose document is damaged or gone is counted, and the
// latest is served, to new processes too.
func TestDamagedPin(t *testing.T) {
	for name, damage := range map[string]func(*flagcache.Ledger){
		"damaged": func(l *flagcache.Ledger) {
			e := *l.Pinned
			e.Body = []byte(`{"flags":"forged"}`)
			l.Pinned, l.Former = &e, nil
		},
		"gone": func(l *flagcache.Ledger) { l.Pinned, l.Former = nil, nil },
		"no flags": func(l *flagcache.Ledger) {
			e := flagcache.NewEntry(fleettest.Scope, []byte(`{"error":1}`), "")
			e.Position = flagcache.Position{Epoch: 1, Seq: 1}
			l.Pinned, l.Pin.Revision = e, e.Revision
		},
		"foreign": func(l *flagcache.Ledger) {
			e := *l.Pinned
			e.Project = "phc_other"
			l.Pinned, l.Former = &e, nil
		},
		"out of range": func(l *flagcache.Ledger) { l.Pin.Number = flagcache.MaxEpoch + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := fleettest.NewUpstream(1)
				server := fleettest.NewServer()
				a := join(t, server.Link(), up, flagcache.Options{Name: "a"})
				settle(5 * time.Second)
				up.Publish(fleettest.Doc(2))
				settle(2 * interval)
				pinTo(t, server.Link(), flagcache.Previous)
				server.Change(damage)
				b := join(t, server.Link(), up, flagcache.Options{Name: "b"})
				settle(10 * time.Second)
				for _, n := range []*fleettest.Node{a, b} {
					s := n.Status()
					if n.Body() != fleettest.Doc(2) || s.Pin.Exists() || s.Counters.BadEntries == 0 || s.StoreErr == nil {
						t.Errorf("serves %q, status %+v, want the latest, and the pin counted", n.Body(), s)
					}
				}
				if name == "out of range" { // no number is above it
					return
				}
				pinTo(t, server.Link(), revision(2)[:8])
				settle(5 * time.Second)
				if s := a.Status(); !s.Pin.Exists() || s.StoreErr != nil {
					t.Errorf("after another pin: %+v", s)
				}
			})
		})
	}
}

// TestPinAndAWipedStore: the pin goes with the store, and an operator can set it
// again at once.
func TestPinAndAWipedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		var nodes []*fleettest.Node
		for i := range 3 {
			nodes = append(nodes, join(t, server.Link(), up, flagcache.Options{Name: fmt.Sprint("p", i)}))
		}
		settle(5 * time.Second)
		up.Publish(fleettest.Doc(2))
		settle(2 * interval)
		pinTo(t, server.Link(), flagcache.Previous)
		settle(5 * time.Second)
		pinned := server.Stored()
		wantBody(t, nodes, 1)
		server.Change(func(l *flagcache.Ledger) { *l = flagcache.Ledger{} })
		settle(2 * interval)
		wantBody(t, nodes, 2)
		server.Change(func(l *flagcache.Ledger) { l.Former, l.Pin, l.Pinned = pinned.Former, pinned.Pin, pinned.Pinned })
		settle(5 * time.Second)
		wantBody(t, nodes, 1)
		unpin(t, server.Link())
		settle(5 * time.Second)
		wantBody(t, nodes, 2)
	})
}

func TestIgnorePins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		store := newMemory(t)
		n := join(t, store, up, flagcache.Options{Name: "a", IgnorePins: true})
		settle(5 * time.Second)
		up.Publish(fleettest.Doc(2))
		settle(2 * interval)
		pinTo(t, store, flagcache.Previous)
		settle(5 * time.Second)
		wantBody(t, []*fleettest.Node{n}, 2)
	})
}

func TestPinRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		store := newMemory(t)
		pin := func(ref, by, why string) error {
			_, _, err := flagcache.PinRevision(t.Context(), store, ref, by, why)
			return err
		}
		if err := pin(flagcache.Previous, "ada", "x"); !errors.Is(err, flagcache.ErrBadPin) {
			t.Errorf("pin in an empty store: %v", err)
		}
		join(t, store, up, flagcache.Options{Name: "a"})
		settle(5 * time.Second)
		for _, test := range []struct{ ref, by, why, want string }{
			{flagcache.Previous, "ada", "x", "none from before"},
			{"feed5eed", "ada", "x", "no such revision"},
			{"abc", "ada", "x", "at least 4 digits"},
			{"latest", "ada", "x", `want "previous" or`},
			{revision(1), "", "x", "who pins: it is empty"},
			{revision(1), "ada", " ", "why: it is empty"},
			{revision(1), "ada", "a\x1b[2J", "cannot be printed"},
			{revision(1), "ada", strings.Repeat("x", 501), "501 bytes"},
		} {
			if err := pin(test.ref, test.by, test.why); !errors.Is(err, flagcache.ErrBadPin) || !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("pin %q by %q: %v, want %q", test.ref, test.by, err, test.want)
			}
		}
		if _, _, err := flagcache.PinRevision(t.Context(), plain{store}, flagcache.Previous, "a", "b"); !errors.Is(err, flagcache.ErrNoPins) {
			t.Errorf("pin in a store without pins: %v", err)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := flagcache.Unpin(cancelled, store, "a", "b"); !errors.Is(err, context.Canceled) {
			t.Errorf("unpin under a cancelled context: %v", err)
		}
	})
}

// plain is a store without abilities.
type plain struct{ flagcache.Store }
