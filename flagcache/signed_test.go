package flagcache_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/flagcache/memorycache"
)

func signed(t testing.TB, store flagcache.Store, keys flagcache.Keys) *flagcache.Signed {
	t.Helper()
	s, err := flagcache.NewSigned(store, keys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSignedSuite: a signed store is a store.
func TestSignedSuite(t *testing.T) {
	stores := map[flagcache.Scope]*memorycache.Store{}
	key := flagcache.NewSigningKey()
	cachetest.Run(t, cachetest.Backend{
		Open: func(t testing.TB, scope flagcache.Scope) flagcache.Store {
			scope = scope.Canonical()
			if stores[scope] == nil {
				s, err := memorycache.New(scope)
				if err != nil {
					t.Fatal(err)
				}
				stores[scope] = s
			}
			return signed(t, stores[scope], flagcache.Keys{Sign: key})
		},
		Signs: true,
	})
}

// signedState is what a signed fleet of one leaves behind: two documents, of
// which the former is pinned.
func signedState(t *testing.T, keys flagcache.Keys) *fleettest.Server {
	t.Helper()
	up := fleettest.NewUpstream(1)
	server := fleettest.NewServer()
	n := join(t, signed(t, server.Link(), keys), up, flagcache.Options{Name: "writer"})
	settle(5 * time.Second)
	up.Publish(fleettest.Doc(2))
	settle(2 * interval)
	pinTo(t, signed(t, server.Link(), keys), flagcache.Previous)
	n.Stop()
	return server
}

// TestSignedRefuses changes one thing of what is stored: everything that a
// signature covers, and the documents.
func TestSignedRefuses(t *testing.T) {
	key := flagcache.NewSigningKey()
	other := flagcache.NewSigningKey()
	resign := func(l *flagcache.Ledger, scope flagcache.Scope, by flagcache.SigningKey) *flagcache.Entry {
		m, err := memorycache.New(scope)
		if err != nil {
			t.Fatal(err)
		}
		s := signed(t, m, flagcache.Keys{Sign: by})
		rec, err := s.Acquire(t.Context(), flagcache.Bid{Token: "t"}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		e := *l.Entry
		e.Project, e.Host = scope.Project, scope.Host
		e.Position = flagcache.Position{Epoch: rec.Lease.Epoch, Seq: 1}
		if _, err := s.Save(t.Context(), flagcache.Claim{Token: "t", Epoch: rec.Lease.Epoch}, &e); err != nil {
			t.Fatal(err)
		}
		raw, err := m.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	change := func(f func(*flagcache.Entry)) func(*flagcache.Ledger) {
		return func(l *flagcache.Ledger) {
			e := *l.Entry
			f(&e)
			l.Entry = &e
		}
	}
	changePin := func(f func(*flagcache.Pin)) func(*flagcache.Ledger) {
		return func(l *flagcache.Ledger) { f(&l.Pin) }
	}
	for _, test := range []struct {
		name string
		do   func(*flagcache.Ledger)
		want string
		pin  bool // the pin is what is refused
	}{
		{"epoch", change(func(e *flagcache.Entry) { e.Epoch++ }), "does not match", false},
		{"seq", change(func(e *flagcache.Entry) { e.Seq++ }), "does not match", false},
		{"etag", change(func(e *flagcache.Entry) { e.ETag += "x" }), "does not match", false},
		{"revision", change(func(e *flagcache.Entry) { e.Revision[3]++ }), "does not match", false},
		{"fetched", change(func(e *flagcache.Entry) { e.FetchedAt = e.FetchedAt.Add(time.Microsecond) }), "does not match", false},
		{"checked", change(func(e *flagcache.Entry) { e.CheckedAt = e.CheckedAt.Add(time.Hour) }), "does not match", false},
		{"not signed", change(func(e *flagcache.Entry) { e.Signature = "" }), "not signed", false},
		{"malformed", change(func(e *flagcache.Entry) { e.Signature = "ed25519:" + key.Public().ID() + ":AAAA" }), "malformed", false},
		{"signature spelled otherwise", change(func(e *flagcache.Entry) {
			at := strings.LastIndexByte(e.Signature, ':')
			e.Signature = e.Signature[:at] + ":x" + e.Signature[at:]
		}), "malformed", false},
		{"pin's signature", func(l *flagcache.Ledger) {
			change(func(e *flagcache.Entry) { e.Signature = l.Pin.Signature })(l)
		}, "does not match", false},
		{"another key", func(l *flagcache.Ledger) { l.Entry = resign(l, fleettest.Scope, other) }, "is not trusted", false},
		{"another project", func(l *flagcache.Ledger) {
			l.Entry = resign(l, flagcache.Scope{Project: "phc_other", Host: fleettest.Scope.Host}, key)
		}, "does not match", false},
		{"another host", func(l *flagcache.Ledger) {
			l.Entry = resign(l, flagcache.Scope{Project: fleettest.Scope.Project, Host: "https://eu.i.posthog.com"}, key)
		}, "does not match", false},
		{"document", change(func(e *flagcache.Entry) { e.Body = []byte(fleettest.Doc(66)) }), "", false},
		{"schema", change(func(e *flagcache.Entry) { e.Schema++ }), "", false},

		{"pin's number", changePin(func(p *flagcache.Pin) { p.Number++ }), "does not match", true},
		{"pin's revision", func(l *flagcache.Ledger) { l.Pin.Revision, l.Pinned = l.Entry.Revision, l.Entry }, "does not match", true},
		{"pin's author", changePin(func(p *flagcache.Pin) { p.By = "eve" }), "does not match", true},
		{"pin's reason", changePin(func(p *flagcache.Pin) { p.Why = "because" }), "does not match", true},
		{"pin's time", changePin(func(p *flagcache.Pin) { p.At = p.At.Add(time.Hour) }), "does not match", true},
		{"pin not signed", changePin(func(p *flagcache.Pin) { p.Signature = "" }), "not signed", true},
		{"pin with an entry's signature", func(l *flagcache.Ledger) { l.Pin.Signature = l.Entry.Signature }, "does not match", true},
		{"pinned document", func(l *flagcache.Ledger) {
			e := *l.Pinned
			e.Body = []byte(fleettest.Doc(66))
			l.Pinned, l.Former = &e, nil
		}, "does not match its revision", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := signedState(t, flagcache.Keys{Sign: key})
				server.Change(test.do)
				if !test.pin {
					server.Change(func(l *flagcache.Ledger) { l.Pin, l.Pinned = flagcache.Pin{}, nil })
				}
				reader := signed(t, server.Link(), flagcache.Keys{Verify: []flagcache.VerifyKey{key.Public()}})
				n := join(t, reader, nil, flagcache.Options{ReadOnly: true})
				settle(2 * interval)
				s := n.Status()
				want := ""
				if test.pin {
					want = fleettest.Doc(2) // the latest
				}
				if n.Body() != want || s.Pin.Exists() || s.Counters.BadEntries == 0 {
					t.Errorf("serves %q with status %+v, want %q, and the change counted", n.Body(), s, want)
				}
				if test.want == "" {
					return // it is refused when it is loaded
				}
				if s.StoreErr == nil || !errors.Is(s.StoreErr, flagcache.ErrBadEntry) || !strings.Contains(s.StoreErr.Error(), test.want) {
					t.Errorf("status says %v, want %q", s.StoreErr, test.want)
				}
			})
		})
	}
}

// TestSignedKeepsTheLastGood: a fleet goes on through tampering, and its leader
// mends the store at its next poll.
func TestSignedKeepsTheLastGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := flagcache.NewSigningKey()
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		var nodes []*fleettest.Node
		for i := range 3 {
			nodes = append(nodes, join(t, signed(t, server.Link(), flagcache.Keys{Sign: key}), up, flagcache.Options{Name: fmt.Sprint("p", i)}))
		}
		readerStore := signed(t, server.Link(), flagcache.Keys{Verify: []flagcache.VerifyKey{key.Public()}})
		reader := join(t, readerStore, nil, flagcache.Options{ReadOnly: true})
		nodes = append(nodes, reader)
		var past []*flagcache.Entry // signed observations of one document
		for range 4 {
			settle(interval * 11 / 10)
			past = append(past, server.Stored().Entry)
		}
		up.Publish(fleettest.Doc(2))
		settle(2 * interval)
		wantBody(t, nodes, 2)

		forged := flagcache.NewEntry(fleettest.Scope, []byte(fleettest.Doc(66)), "")
		server.Change(func(l *flagcache.Ledger) {
			forged.Position = l.Entry.Position
			forged.Seq++
			l.Entry = forged
		})
		settle(3 * time.Second)
		wantBody(t, nodes, 2)
		for i, n := range nodes[:3] {
			if n.Status().Counters.BadEntries == 0 {
				t.Errorf("p%d did not count the forged entry", i)
			}
		}
		settle(2 * interval)
		wantBody(t, nodes, 2)
		if e, err := readerStore.Load(t.Context()); err != nil || string(e.Body) != fleettest.Doc(2) {
			t.Errorf("after two intervals the store has %v, %v, want it mended", e, err)
		}

		// A replay: what was signed once, under a lease that looks alive.
		for _, n := range nodes[:3] {
			n.Stop()
		}
		last := join(t, signed(t, server.Link(), flagcache.Keys{Sign: key}), up, flagcache.Options{Name: "another epoch"})
		settle(2 * interval)
		last.Stop()
		for _, e := range past {
			server.Change(func(l *flagcache.Ledger) {
				l.Entry, l.Token = e, "evil"
				l.Lease = flagcache.Lease{Holder: "evil", Epoch: e.Epoch, Expires: time.Now().Add(time.Minute)}
			})
			settle(interval)
			wantBody(t, nodes, 2)
		}
		if reader.Status().Counters.OlderSeen == 0 {
			t.Error("the replay was not counted")
		}
	})
}

// TestKeyRotation: readers learn the second key, the writer changes to it, the
// first one is forgotten.
func TestKeyRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := flagcache.NewSigningKey(), flagcache.NewSigningKey()
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		read := func(keys ...flagcache.VerifyKey) *fleettest.Node {
			return join(t, signed(t, server.Link(), flagcache.Keys{Verify: keys}), nil, flagcache.Options{ReadOnly: true})
		}
		writer := join(t, signed(t, server.Link(), flagcache.Keys{Sign: first}), up, flagcache.Options{Name: "old"})
		both := read(first.Public(), second.Public())
		settle(2 * interval)
		writer.Stop()
		up.Publish(fleettest.Doc(2))
		join(t, signed(t, server.Link(), flagcache.Keys{Sign: second, Verify: []flagcache.VerifyKey{first.Public()}}), up, flagcache.Options{Name: "new"})
		settle(3 * interval)
		late := read(second.Public())
		behind := read(first.Public())
		settle(interval)
		wantBody(t, []*fleettest.Node{both, late}, 2)
		if behind.Body() != "" || behind.Status().Counters.BadEntries == 0 {
			t.Errorf("with the old key alone it serves %q: %+v", behind.Body(), behind.Status())
		}
		if got := up.Count(200); got != 2 {
			t.Errorf("%d documents fetched, want 2: a new key costs none", got)
		}
	})
}

// TestRotate: keys are replaced while a fleet runs, and what is served stays.
func TestRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := flagcache.NewSigningKey(), flagcache.NewSigningKey()
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		writes := signed(t, server.Link(), flagcache.Keys{Sign: first})
		reads := signed(t, server.Link(), flagcache.Keys{Verify: []flagcache.VerifyKey{first.Public()}})
		join(t, writes, up, flagcache.Options{})
		reader := join(t, reads, nil, flagcache.Options{ReadOnly: true})
		settle(2 * interval)
		rotate := func(s *flagcache.Signed, keys flagcache.Keys) {
			t.Helper()
			if err := s.Rotate(keys); err != nil {
				t.Fatal(err)
			}
		}
		rotate(reads, flagcache.Keys{Verify: []flagcache.VerifyKey{second.Public()}})
		settle(2 * interval)
		if reader.Body() != fleettest.Doc(1) || reader.Status().StoreErr == nil {
			t.Errorf("a reader that trusts another key serves %q: %+v", reader.Body(), reader.Status())
		}
		rotate(writes, flagcache.Keys{Sign: second})
		settle(2 * interval)
		if s := reader.Status(); s.StoreErr != nil || time.Since(s.ConfirmedAt) > 2*interval {
			t.Errorf("the writer has the other key, too: %+v", s)
		}
		up.Publish(fleettest.Doc(2))
		settle(3 * interval)
		wantBody(t, []*fleettest.Node{reader}, 2)
		if got := up.Count(200); got != 2 {
			t.Errorf("%d documents fetched, want 2: a new key costs none", got)
		}
		if err := writes.Rotate(flagcache.Keys{Verify: []flagcache.VerifyKey{first.Public()}}); !errors.Is(err, flagcache.ErrNoSigningKey) || !writes.CanSign() {
			t.Errorf("rotate to a key that cannot sign: %v", err)
		}
		if err := reads.Rotate(flagcache.Keys{}); err == nil {
			t.Error("rotate to no keys")
		}
	})
}

func TestSignedNeedsKeys(t *testing.T) {
	store := newMemory(t)
	if _, err := flagcache.NewSigned(store, flagcache.Keys{}); err == nil {
		t.Error("a signed store without keys was made")
	}
	// Signatures of the zero key, a point of order four, are made by trying four
	// times.
	for _, trusted := range [][]flagcache.VerifyKey{{{}}, {flagcache.NewSigningKey().Public(), {}}} {
		if _, err := flagcache.NewSigned(store, flagcache.Keys{Verify: trusted}); err == nil {
			t.Errorf("a signed store that trusts the zero key was made: %v", trusted)
		}
	}
	s := signed(t, store, flagcache.Keys{Verify: []flagcache.VerifyKey{flagcache.NewSigningKey().Public()}})
	if _, err := flagcache.New(s, flagcache.Options{}); !errors.Is(err, flagcache.ErrNoSigningKey) {
		t.Errorf("a process that may lead without a signing key: %v", err)
	}
	if _, err := flagcache.New(s, flagcache.Options{ReadOnly: true}); err != nil {
		t.Errorf("a reader without a signing key: %v", err)
	}
	if _, err := flagcache.Unpin(t.Context(), s, "ada", "x"); !errors.Is(err, flagcache.ErrNoSigningKey) {
		t.Errorf("an operator without a signing key: %v", err)
	}
	if _, err := signed(t, plain{store}, flagcache.Keys{Sign: flagcache.NewSigningKey()}).History(t.Context()); !errors.Is(err, flagcache.ErrNoPins) {
		t.Errorf("the history of a store without one: %v", err)
	}
}

func TestKeys(t *testing.T) {
	key := flagcache.NewSigningKey()
	again, err := flagcache.ParseSigningKey(key.Reveal() + "\n")
	if err != nil || again.Public() != key.Public() {
		t.Errorf("read back %v, %v, want %v", again, err, key)
	}
	text := key.Public().String() + "\n" + again.Public().String() + "\r\n"
	if keys, err := flagcache.ParseVerifyKeys(text); err != nil || len(keys) != 2 || keys[0] != key.Public() {
		t.Errorf("read back %v, %v", keys, err)
	}
	var none flagcache.SigningKey
	if none.Reveal() != "" || none.Public() != (flagcache.VerifyKey{}) || none.String() != "no signing key" {
		t.Errorf("the zero key is %q, %v, %v", none.Reveal(), none.Public(), none)
	}
	secret := strings.TrimPrefix(key.Reveal(), "hfsk_")
	marshalled, err := json.Marshal(map[string]any{"key": key, "keys": flagcache.Keys{Sign: key}})
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "key", key, "keys", flagcache.Keys{Sign: key})
	for _, shown := range []string{fmt.Sprint(key), fmt.Sprintf("%v %+v %#v %s %q %x %d", key, key, key, key, key, key, key), fmt.Sprintf("%+v", flagcache.Keys{Sign: key}), string(marshalled), logged.String()} {
		if strings.Contains(shown, secret) || !strings.Contains(shown, key.Public().ID()) {
			t.Errorf("prints %s, want the ID alone", shown)
		}
	}
	for _, bad := range []string{"", "x", key.Public().String(), key.Reveal() + "A", key.Reveal()[:20], "hfsk_!!!"} {
		if _, err := flagcache.ParseSigningKey(bad); err == nil || len(bad) > 5 && strings.Contains(err.Error(), bad[5:]) {
			t.Errorf("signing key %.4q…: error %v, want one that does not show it", bad, err)
		}
	}
	for _, bad := range []string{"", key.Reveal(), key.Public().String() + " hfpk_AA"} {
		if _, err := flagcache.ParseVerifyKeys(bad); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("verify keys: error %v, want one that does not show them", err)
		}
	}
}

// FuzzKeys: whatever is read is written back the same.
func FuzzKeys(f *testing.F) {
	key := flagcache.NewSigningKey()
	f.Add(key.Reveal())
	f.Add(key.Public().String() + "\n" + key.Public().String())
	f.Add("hfpk_")
	f.Fuzz(func(t *testing.T, text string) {
		if key, err := flagcache.ParseSigningKey(text); err == nil && key.Reveal() != strings.TrimSpace(text) {
			t.Errorf("%q is read as another key", text)
		}
		keys, err := flagcache.ParseVerifyKeys(text)
		if err != nil {
			return
		}
		for i, field := range strings.Fields(text) {
			if keys[i].String() != field {
				t.Errorf("%q is read as %s", field, keys[i])
			}
		}
		flagcache.SignedBy(text)
	})
}
