package cachetest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

func testSaveKeepsBytes(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	for i, body := range []string{
		`{"flags":[]}`,
		"{ \"flags\" : [],\n\t\"later\":\"gr\u00fc\u00df\u2028 \\u0000 1e400\" }\r\n",
		"\x00\x01\xff\xfe not text",
		" ",
	} {
		if b.ObjectsOnly && body[0] != '{' {
			continue
		}
		e := entry(s, c, uint64(i+1), body)
		e.ETag = `W/"a b:c,d'` + "\u00e9" + `"`
		save(t, s, c, e)
		wantStored(t, s, e)
	}
	e := entry(s, c, 9, `{"flags":[9]}`)
	e.ETag = ""
	save(t, s, c, e)
	wantStored(t, b.Open(t, s.Scope()), e)
}

func testSaveTwice(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	e := entry(s, c, 1, `{"flags":[1]}`)
	save(t, s, c, e)
	again := *e
	again.CheckedAt = e.CheckedAt.Add(time.Hour)
	rec, err := s.Save(t.Context(), c, &again)
	if err != nil || rec.Head != e.Head {
		t.Errorf("the same number and revision again: head %+v, error %v, want a no-op", rec.Head, err)
	}
	wantStored(t, s, e)
	_, err = s.Save(t.Context(), c, entry(s, c, 1, `{"flags":[2]}`))
	wantErr(t, "the same number with another document", err, flagcache.ErrStale)
	wantStored(t, s, e)
}

func testSaveOlder(t *testing.T, b Backend) {
	s := b.fresh(t)
	a := bid("a")
	c := acquire(t, s, a, long)
	e := entry(s, c, 5, `{"flags":[5]}`)
	save(t, s, c, e)
	rec, err := s.Save(t.Context(), c, entry(s, c, 4, `{"flags":[4]}`))
	wantErr(t, "a lower number", err, flagcache.ErrStale)
	if rec.Head != e.Head {
		t.Errorf("a refusal shows head %+v, want %+v", rec.Head, e.Head)
	}
	_, err = s.Confirm(t.Context(), c, entry(s, c, 4, `{"flags":[5]}`).Head)
	wantErr(t, "a confirmation with a lower number", err, flagcache.ErrStale)
	foreign := entry(s, flagcache.Claim{Epoch: c.Epoch + 5}, 1, `{"flags":[6]}`)
	_, err = s.Save(t.Context(), c, foreign)
	wantErr(t, "a number of another epoch", err, flagcache.ErrStale)

	c2 := acquire(t, s, a, long)
	_, err = s.Save(t.Context(), c, entry(s, c, 6, `{"flags":[6]}`))
	wantErr(t, "a late save of a former epoch", err, flagcache.ErrNotHeld)
	wantStored(t, s, e)
	reverted := entry(s, c2, 1, `{"flags":[4]}`)
	save(t, s, c2, reverted)
	wantStored(t, s, reverted)
}

func testSaveWithoutLease(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	e := entry(s, c, 1, `{"flags":[1]}`)
	save(t, s, c, e)
	if _, err := s.Renew(t.Context(), c, short); err != nil {
		t.Fatal(err)
	}
	until(t, "the lease expires", func() bool { return !record(t, s).Live() })
	_, err := s.Save(t.Context(), c, entry(s, c, 2, `{"flags":[2]}`))
	wantErr(t, "save after the lease expired", err, flagcache.ErrNotHeld)
	_, err = s.Confirm(t.Context(), c, entry(s, c, 2, `{"flags":[1]}`).Head)
	wantErr(t, "confirm after the lease expired", err, flagcache.ErrNotHeld)
	_, err = s.Fail(t.Context(), c, failure(c, 2))
	wantErr(t, "record a failure after the lease expired", err, flagcache.ErrNotHeld)
	wantStored(t, s, e)
}

func testConfirm(t *testing.T, b Backend) {
	s := b.fresh(t)
	follower := b.Open(t, s.Scope())
	c := acquire(t, s, bid("a"), long)
	e := entry(s, c, 1, `{"flags":[1]}`)
	save(t, s, c, e)
	next := entry(s, c, 2, `{"flags":[1]}`)
	next.ETag = `W/"other"`
	for range 2 { // the second is a retry
		rec, err := s.Confirm(t.Context(), c, next.Head)
		if err != nil || rec.Head != next.Head {
			t.Fatalf("confirm: head %+v, error %v, want %+v", rec.Head, err, next.Head)
		}
	}
	if got := record(t, follower).Head; got != next.Head {
		t.Errorf("a follower sees %+v, want %+v", got, next.Head)
	}
	wantStored(t, follower, next)
}

func testConfirmNeedsBody(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	want := entry(s, c, 1, `{"flags":[1]}`)
	_, err := s.Confirm(t.Context(), c, want.Head)
	wantErr(t, "confirm on an empty store", err, flagcache.ErrBodyNeeded)
	save(t, s, c, want)
	other := entry(s, c, 2, `{"flags":[2]}`)
	_, err = s.Confirm(t.Context(), c, other.Head)
	wantErr(t, "confirm another document", err, flagcache.ErrBodyNeeded)
	wantStored(t, s, want)
	save(t, s, c, other)
	wantStored(t, s, other)
	if b.Evict == nil {
		return
	}
	b.Evict(t, s.Scope())
	next := entry(s, c, 3, `{"flags":[2]}`)
	_, err = s.Confirm(t.Context(), c, next.Head)
	wantErr(t, "confirm an evicted entry", err, flagcache.ErrBodyNeeded)
	save(t, s, c, next)
	wantStored(t, s, next)
}

func failure(c flagcache.Claim, seq uint64) flagcache.Failure {
	return flagcache.Failure{
		Position:  flagcache.Position{Epoch: c.Epoch, Seq: seq},
		Cause:     flagcache.CauseRateLimited,
		Count:     3,
		NotBefore: time.Date(2026, 11, 1, 13, 0, 0, 654321000, time.UTC),
	}
}

func testFailure(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	save(t, s, c, entry(s, c, 1, `{"flags":[1]}`))
	want := failure(c, 2)
	for range 2 {
		rec, err := s.Fail(t.Context(), c, want)
		if err != nil || rec.Failure != want {
			t.Fatalf("record a failure: got %+v, error %v, want %+v", rec.Failure, err, want)
		}
	}
	_, err := s.Fail(t.Context(), c, failure(c, 1))
	wantErr(t, "a failure older than the entry", err, flagcache.ErrStale)
	if _, err := s.Release(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c = acquire(t, s, bid("b"), long)
	if got := record(t, s).Failure; got != want {
		t.Errorf("failure under the next lease %+v, want it to outlive its own", got)
	}
	rec, err := s.Confirm(t.Context(), c, entry(s, c, 1, `{"flags":[1]}`).Head)
	if err != nil || rec.Failure.Exists() {
		t.Errorf("after a confirmation: failure %+v, error %v, want it cleared", rec.Failure, err)
	}
}

func testFailureAndLateSave(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	want := failure(c, 3)
	if _, err := s.Fail(t.Context(), c, want); err != nil {
		t.Fatal(err)
	}
	if rec := save(t, s, c, entry(s, c, 2, `{"flags":[2]}`)); rec.Failure != want {
		t.Errorf("failure %+v after an older answer was saved, want %+v", rec.Failure, want)
	}
	_, err := s.Fail(t.Context(), c, failure(c, 2))
	wantErr(t, "an older failure", err, flagcache.ErrStale)
	if rec := save(t, s, c, entry(s, c, 4, `{"flags":[2]}`)); rec.Failure.Exists() {
		t.Errorf("failure %+v after a newer answer was saved, want none", rec.Failure)
	}
}

func testReload(t *testing.T, b Backend) {
	s := b.fresh(t)
	first, err := s.RequestReload(t.Context())
	if err != nil || first.Reload.IsZero() || first.Reload.After(first.Now) {
		t.Fatalf("request a reload: %v at %v, error %v", first.Reload, first.Now, err)
	}
	c := acquire(t, s, bid("a"), long)
	rec, err := s.Renew(t.Context(), c, long)
	if err != nil || !rec.Reload.Equal(first.Reload) {
		t.Errorf("a renewal shows the reload %v, error %v, want %v", rec.Reload, err, first.Reload)
	}
	until(t, "a later request is later", func() bool {
		rec, err := s.RequestReload(t.Context())
		return err == nil && rec.Reload.After(first.Reload)
	})
}

func testScopesApart(t *testing.T, b Backend) {
	sc := scope()
	s := b.Open(t, sc)
	c := acquire(t, s, bid("a"), long)
	e := entry(s, c, 1, `{"flags":["mine"]}`)
	save(t, s, c, e)
	for _, other := range []flagcache.Scope{
		{Project: sc.Project, Host: "https://eu.i.posthog.com"},
		{Project: sc.Project + "x", Host: sc.Host},
	} {
		o := b.Open(t, other)
		if rec := record(t, o); rec.Head.Exists() || rec.Live() {
			t.Errorf("scope %v sees the entry of another: %+v", other, rec)
		}
		_, err := o.Load(t.Context())
		wantErr(t, "load in another scope", err, flagcache.ErrNotFound)
	}
	same := b.Open(t, flagcache.Scope{Project: sc.Project, Host: "HTTPS://US.i.posthog.com/"})
	wantStored(t, same, e)
}

func testBigDocument(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), flagcache.MaxLease)
	size := 10 << 20
	if testing.Short() {
		size = 2 << 20
	}
	body := make([]byte, size)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(body) // incompressible; never fails
	if b.ObjectsOnly {
		body = fmt.Appendf(nil, `{"flags":[%q]}`, base64.StdEncoding.EncodeToString(body[:size*7/10]))
	}
	e := entry(s, c, 1, string(body))
	e.ETag = `W/"big"`
	save(t, s, c, e)
	got, err := s.Load(t.Context())
	if err != nil || !bytes.Equal(got.Body, body) {
		t.Fatalf("load %d bytes: %v", size, err)
	}
	next := e.Head
	next.Seq++
	if _, err := s.Confirm(t.Context(), c, next); err != nil {
		t.Errorf("confirm %d bytes: %v", size, err)
	}
}
