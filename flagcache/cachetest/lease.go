package cachetest

import (
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

func testEmpty(t *testing.T, b Backend) {
	s := b.fresh(t)
	before := record(t, s)
	if before.Head.Exists() || before.Live() || before.Failure.Exists() || !before.Reload.IsZero() || before.Lease.Epoch != 0 {
		t.Errorf("record of an empty store: %+v", before)
	}
	if age := time.Since(before.Now).Abs(); age > time.Hour {
		t.Errorf("the store's clock is %v, %v away from this one", before.Now, age)
	}
	_, err := s.Load(t.Context())
	wantErr(t, "load", err, flagcache.ErrNotFound)
	_, err = s.Renew(t.Context(), flagcache.Claim{Token: "x", Epoch: 1}, long)
	wantErr(t, "renew", err, flagcache.ErrNotHeld)
	_, err = s.Release(t.Context(), flagcache.Claim{Token: "x"})
	wantErr(t, "release", err, flagcache.ErrNotHeld)
	_, err = s.Save(t.Context(), flagcache.Claim{}, entry(s, flagcache.Claim{Epoch: 1}, 1, "{}"))
	wantErr(t, "save with an empty claim", err, flagcache.ErrNotHeld)
}

func testAcquireExcludes(t *testing.T, b Backend) {
	s := b.fresh(t)
	other := b.Open(t, s.Scope())
	c := acquire(t, s, bid("a"), long)
	rec, err := other.Acquire(t.Context(), bid("b"), long)
	wantErr(t, "acquire a held lease", err, flagcache.ErrHeld)
	if rec.Lease.Holder != "a" || rec.Lease.Epoch != c.Epoch || !rec.Live() {
		t.Errorf("a refusal shows lease %+v, want that of a", rec.Lease)
	}
}

func testAcquireAgain(t *testing.T, b Backend) {
	s := b.fresh(t)
	mine := bid("a")
	first := acquire(t, s, mine, long)
	second := acquire(t, s, mine, long)
	if second.Epoch <= first.Epoch {
		t.Errorf("the second grant has epoch %d, want above %d", second.Epoch, first.Epoch)
	}
	_, err := s.Renew(t.Context(), first, long)
	wantErr(t, "renew under the first grant", err, flagcache.ErrNotHeld)
	if _, err := s.Renew(t.Context(), second, long); err != nil {
		t.Errorf("renew under the second grant: %v", err)
	}
}

func testAcquireOutranks(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("rolled back"), long)
	equal := bid("equal")
	equal.Seen = c.Epoch
	_, err := s.Acquire(t.Context(), equal, long)
	wantErr(t, "acquire having seen the live epoch", err, flagcache.ErrHeld)
	above := bid("above")
	above.Seen = c.Epoch + 1000
	won := acquire(t, s, above, long)
	if won.Epoch <= above.Seen {
		t.Errorf("granted epoch %d, want above the one seen, %d", won.Epoch, above.Seen)
	}
	_, err = s.Save(t.Context(), c, entry(s, c, 1, `{"flags":[]}`))
	wantErr(t, "save by the outranked", err, flagcache.ErrNotHeld)
}

func testAcquireAfterExpiry(t *testing.T, b Backend) {
	s := b.fresh(t)
	first := acquire(t, s, bid("a"), short)
	next := bid("b")
	var second flagcache.Claim
	until(t, "the lease expires", func() bool {
		rec, err := s.Acquire(t.Context(), next, long)
		second = flagcache.Claim{Token: next.Token, Epoch: rec.Lease.Epoch}
		return err == nil
	})
	if second.Epoch <= first.Epoch {
		t.Errorf("epoch %d after %d, want a greater one", second.Epoch, first.Epoch)
	}
	_, err := s.Renew(t.Context(), first, long)
	wantErr(t, "renew an expired lease", err, flagcache.ErrNotHeld)
	_, err = s.Release(t.Context(), first)
	wantErr(t, "release an expired lease", err, flagcache.ErrNotHeld)
	if rec := record(t, s); rec.Lease.Holder != "b" || !rec.Live() {
		t.Errorf("lease %+v, want b's untouched", rec.Lease)
	}
}

func testEpochGrows(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	if now := uint64(record(t, s).Now.Add(-time.Minute).UnixMicro()); c.Epoch <= now {
		t.Errorf("epoch %d, want it above the store's clock, %d", c.Epoch, now)
	}
	last := c.Epoch
	for i := range 5 {
		if _, err := s.Release(t.Context(), c); err != nil {
			t.Fatalf("release: %v", err)
		}
		next := bid("a")
		if i == 2 {
			next.Seen = flagcache.MaxEpoch / 2 // far above every clock
		}
		c = acquire(t, s, next, long)
		if c.Epoch <= last || c.Epoch <= next.Seen {
			t.Errorf("epoch %d after %d having seen %d, want above both", c.Epoch, last, next.Seen)
		}
		last = c.Epoch
	}
	salted := bid("b")
	salted.Salt, salted.Seen = 1<<20-1, last+1
	if got, want := acquire(t, s, salted, long).Epoch, salted.Seen+1<<20; got != want {
		t.Errorf("salted epoch %d, want %d: the salt makes epochs unique", got, want)
	}
}

func testEpochSurvivesWipe(t *testing.T, b Backend) {
	if b.Wipe == nil {
		t.Skip("this store cannot be wiped from outside")
	}
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	save(t, s, c, entry(s, c, 1, `{"flags":[1]}`))
	b.Wipe(t, s.Scope())
	if rec := record(t, s); rec.Head.Exists() || rec.Live() {
		t.Fatalf("record after a wipe: %+v", rec)
	}
	_, err := s.Save(t.Context(), c, entry(s, c, 2, `{"flags":[2]}`))
	wantErr(t, "save under the lease that was wiped", err, flagcache.ErrNotHeld)
	next := bid("b")
	next.Seen = c.Epoch
	won := acquire(t, s, next, long)
	if won.Epoch <= c.Epoch {
		t.Errorf("epoch %d after a wipe, want above %d", won.Epoch, c.Epoch)
	}
	repaired := entry(s, won, 1, `{"flags":[2]}`)
	save(t, s, won, repaired)
	wantStored(t, s, repaired)
}

func testRenew(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	rec, err := s.Renew(t.Context(), c, 2*long)
	if err != nil {
		t.Fatalf("renew: %v", err)
	}
	if left := rec.Lease.Expires.Sub(rec.Now); left != 2*long {
		t.Errorf("the lease runs for %v after a renewal, want %v by the store's clock", left, 2*long)
	}
	for what, claim := range map[string]flagcache.Claim{
		"another token": {Token: "x", Epoch: c.Epoch},
		"another epoch": {Token: c.Token, Epoch: c.Epoch - 1},
		"no epoch":      {Token: c.Token},
		"no token":      {Epoch: c.Epoch},
	} {
		_, err := s.Renew(t.Context(), claim, long)
		wantErr(t, "renew with "+what, err, flagcache.ErrNotHeld)
	}
	if _, err := s.Renew(t.Context(), c, short); err != nil {
		t.Fatalf("renew: %v", err)
	}
	until(t, "the lease expires", func() bool { return !record(t, s).Live() })
	_, err = s.Renew(t.Context(), c, long)
	wantErr(t, "renew what expired, though nobody took it", err, flagcache.ErrNotHeld)
}

func testRelease(t *testing.T, b Backend) {
	s := b.fresh(t)
	c := acquire(t, s, bid("a"), long)
	_, err := s.Release(t.Context(), flagcache.Claim{Token: "x", Epoch: c.Epoch})
	wantErr(t, "release another's lease", err, flagcache.ErrNotHeld)
	rec, err := s.Release(t.Context(), c)
	if err != nil {
		t.Fatalf("release: %v", err)
	}
	if rec.Live() || rec.Lease.Epoch != c.Epoch {
		t.Errorf("lease after release %+v, want it free with its epoch kept", rec.Lease)
	}
	_, err = s.Release(t.Context(), c)
	wantErr(t, "release twice", err, flagcache.ErrNotHeld)
	_, err = s.Save(t.Context(), c, entry(s, c, 1, "{}"))
	wantErr(t, "save after release", err, flagcache.ErrNotHeld)
	if next := acquire(t, s, bid("b"), long); next.Epoch <= c.Epoch {
		t.Errorf("epoch %d after %d", next.Epoch, c.Epoch)
	}
}

func testReleaseByToken(t *testing.T, b Backend) {
	s := b.fresh(t)
	lost := bid("a") // pretend that the answer was lost: the epoch is not known
	acquire(t, s, lost, long)
	if _, err := s.Release(t.Context(), flagcache.Claim{Token: lost.Token}); err != nil {
		t.Fatalf("release by token: %v", err)
	}
	c := acquire(t, s, bid("b"), long)
	_, err := s.Release(t.Context(), flagcache.Claim{Token: lost.Token})
	wantErr(t, "release by a token of the past", err, flagcache.ErrNotHeld)
	if _, err := s.Renew(t.Context(), c, long); err != nil {
		t.Errorf("b's lease did not survive: %v", err)
	}
}
