package cachetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// pinner skips the test for a store that keeps no pins.
func pinner(t *testing.T, s flagcache.Store) flagcache.Pinner {
	t.Helper()
	p, ok := s.(flagcache.Pinner)
	if !ok {
		t.Skip("this store keeps no pins")
	}
	return p
}

// pin makes a decision; a nil document pins nothing.
func pin(number uint64, doc *flagcache.Entry) flagcache.Pin {
	p := flagcache.Pin{
		Number: number, By: "ada", Why: `checkout is "broken", grün` + "\u2028",
		At: time.Date(2026, 11, 1, 14, 0, 0, 111222000, time.UTC),
	}
	if doc != nil {
		p.Revision = doc.Revision
	}
	return p
}

// signed is an entry with all that a head may carry.
func (b Backend) signed(e *flagcache.Entry) *flagcache.Entry {
	e.Signature = b.signature("opaque." + e.Revision.Short())
	return e
}

func (b Backend) signature(text string) string {
	if b.Signs {
		return ""
	}
	return text
}

func setPin(t *testing.T, s flagcache.Store, p flagcache.Pin, doc *flagcache.Entry) {
	t.Helper()
	rec, err := s.(flagcache.Pinner).SetPin(t.Context(), p, doc)
	if err != nil || rec.Pin != p {
		t.Fatalf("pin: %+v, error %v, want %+v", rec.Pin, err, p)
	}
}

func wantRevision(t *testing.T, s flagcache.Store, want *flagcache.Entry) {
	t.Helper()
	got, err := s.(flagcache.Pinner).LoadRevision(t.Context(), want.Revision)
	if err != nil {
		t.Fatalf("load revision %s: %v", want.Revision.Short(), err)
	}
	if err := got.Verify(s.Scope()); err != nil {
		t.Errorf("the loaded revision does not verify: %v", err)
	}
	if string(got.Body) != string(want.Body) || got.Head != want.Head {
		t.Errorf("revision: got %+v %.40q, want %+v %.40q", got.Head, got.Body, want.Head, want.Body)
	}
}

// wantHistory compares all but the microsecond to which a store rounds.
func wantHistory(t *testing.T, when string, s flagcache.Pinner, want []flagcache.Version) {
	t.Helper()
	got, err := s.History(t.Context())
	if err != nil {
		t.Fatalf("%s: read history: %v", when, err)
	}
	same := len(got) == len(want)
	for i := 0; same && i < len(got); i++ {
		g, w := got[i], want[i]
		same = g.Head == w.Head && g.Bytes == w.Bytes && g.ReplacedAt.IsZero() == w.ReplacedAt.IsZero() &&
			g.ReplacedAt.Sub(w.ReplacedAt).Abs() <= time.Microsecond
	}
	if !same {
		t.Fatalf("%s: history\n got %+v\nwant %+v", when, got, want)
	}
}

func testPin(t *testing.T, b Backend) {
	s := b.fresh(t)
	pinner(t, s)
	other := b.Open(t, s.Scope())
	c := acquire(t, s, bid("a"), long)
	first := b.signed(entry(s, c, 1, `{"flags":[1]}`))
	save(t, s, c, first)
	if got := record(t, s).Pin; got != (flagcache.Pin{}) {
		t.Errorf("a fresh store has the pin %+v", got)
	}
	p := pin(7, first)
	p.Signature = b.signature("opaque.7")
	setPin(t, s, p, first)
	rec := record(t, other)
	if rec.Pin != p || rec.Head != first.Head {
		t.Errorf("another process sees %+v and %+v, want the pin and the latest", rec.Pin, rec.Head)
	}
	latest := entry(s, c, 2, `{"flags":[2]}`)
	if rec := save(t, s, c, latest); rec.Pin != p {
		t.Errorf("after a save: pin %+v, want it as it was", rec.Pin)
	}
	wantStored(t, other, latest)
	wantRevision(t, other, first)
	again, err := s.(flagcache.Pinner).SetPin(t.Context(), p, first)
	if err != nil || again.Pin != p {
		t.Errorf("the same decision again: %+v, error %v, want a no-op", again.Pin, err)
	}
	setPin(t, other, pin(8, nil), nil)
	if got := record(t, s).Pin; got.Exists() || got.Number != 8 || got.By != "ada" {
		t.Errorf("unpinned: %+v, want a decision for the latest, with who made it", got)
	}
	setPin(t, s, pin(9, latest), latest)
	setPin(t, s, pin(10, first), first)
	wantRevision(t, s, first)
	wantStored(t, s, latest)
}

func testPinOlder(t *testing.T, b Backend) {
	s := b.fresh(t)
	p := pinner(t, s)
	c := acquire(t, s, bid("a"), long)
	e, f := entry(s, c, 1, `{"flags":[1]}`), entry(s, c, 2, `{"flags":[2]}`)
	setPin(t, s, pin(5, e), e)
	for _, late := range []struct {
		pin flagcache.Pin
		doc *flagcache.Entry
	}{{pin(4, f), f}, {pin(5, f), f}, {pin(5, nil), nil}, {pin(0, nil), nil}} {
		rec, err := p.SetPin(t.Context(), late.pin, late.doc)
		wantErr(t, fmt.Sprintf("a late decision %d", late.pin.Number), err, flagcache.ErrStale)
		if rec.Pin != pin(5, e) {
			t.Errorf("a late decision changed the pin to %+v", rec.Pin)
		}
	}
	wantRevision(t, s, e)
	_, err := p.LoadRevision(t.Context(), f.Revision)
	wantErr(t, "load the document of a late decision", err, flagcache.ErrNotFound)
}

// testPinKeepsItsCopy: the pinned document outlives its place in the history,
// and the entry.
func testPinKeepsItsCopy(t *testing.T, b Backend) {
	s := b.fresh(t)
	p := pinner(t, s)
	c := acquire(t, s, bid("a"), long)
	first := b.signed(entry(s, c, 1, `{"flags":[1]}`))
	save(t, s, c, first)
	setPin(t, s, pin(1, first), first)
	for i := range flagcache.MaxFormer + 3 {
		save(t, s, c, entry(s, c, uint64(i+2), fmt.Sprintf(`{"flags":["later %d"]}`, i)))
	}
	wantRevision(t, s, first)
	if b.Evict != nil {
		b.Evict(t, s.Scope())
		wantRevision(t, s, first)
	}
	setPin(t, s, pin(2, nil), nil)
	_, err := p.LoadRevision(t.Context(), first.Revision)
	wantErr(t, "load what was pinned and is no longer kept", err, flagcache.ErrNotFound)
}

func testHistory(t *testing.T, b Backend) {
	s := b.fresh(t)
	p := pinner(t, s)
	wantHistory(t, "empty", p, nil)
	c := acquire(t, s, bid("a"), long)
	var saved []*flagcache.Entry
	for i := range flagcache.MaxFormer + 3 {
		e := b.signed(entry(s, c, uint64(2*i+1), fmt.Sprintf(`{"flags":["%0*d"]}`, i+1, i)))
		save(t, s, c, e)
		confirmed := *e
		confirmed.Seq++
		confirmed.CheckedAt = confirmed.CheckedAt.Add(time.Second)
		confirmed.Signature = b.signature("again")
		for range 2 {
			if _, err := s.Confirm(t.Context(), c, confirmed.Head); err != nil {
				t.Fatal(err)
			}
		}
		saved = append(saved, &confirmed)
	}
	list, err := p.History(t.Context())
	if err != nil || len(list) != 1+flagcache.MaxFormer {
		t.Fatalf("%d versions, error %v, want %d", len(list), err, 1+flagcache.MaxFormer)
	}
	for i, v := range list {
		want := saved[len(saved)-1-i]
		if v.Head != want.Head || v.Bytes != len(want.Body) || v.ReplacedAt.IsZero() != (i == 0) {
			t.Errorf("version %d: %+v, want %+v of %d bytes, replaced unless it is the first", i, v, want.Head, len(want.Body))
		}
		wantRevision(t, s, want)
	}
	for _, r := range []flagdef.Revision{saved[0].Revision, {}, {1}} {
		_, err := p.LoadRevision(t.Context(), r)
		wantErr(t, "load a revision that is not kept", err, flagcache.ErrNotFound)
	}
}

// testHistoryOfReverts: each revision is in the list once, whatever comes back.
func testHistoryOfReverts(t *testing.T, b Backend) {
	s := b.fresh(t)
	p := pinner(t, s)
	c := acquire(t, s, bid("a"), long)
	docs := []string{`{"flags":[1]}`, `{"flags":[2]}`, `{"flags":[1]}`, `{"flags":[2]}`, `{"flags":[2]}`, `{"flags":[3]}`, `{"flags":[1]}`}
	for i, doc := range docs {
		save(t, s, c, entry(s, c, uint64(i+1), doc))
	}
	list, err := p.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := []uint64{}
	for _, v := range list {
		got = append(got, v.Seq)
	}
	if want := []uint64{7, 6, 5}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("history has the answers %v, want %v", got, want)
	}
}
