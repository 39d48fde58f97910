package cachetest

import (
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// testClockSetBack: a lease that was granted before the clock was set back by
// an hour would hold for an hour. It counts as free, and the next epoch is
// greater all the same.
func testClockSetBack(t *testing.T, r Replayable) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	r.SetNow(t, now)
	first := acquire(t, r.Store, bid("a"), traceTTL)
	save(t, r.Store, first, entry(r.Store, first, 1, `{"flags":[1]}`))

	r.SetNow(t, now.Add(-30*time.Second)) // within a lease's length nothing changes
	_, err := r.Store.Acquire(t.Context(), bid("b"), traceTTL)
	wantErr(t, "acquire after the clock went back by seconds", err, flagcache.ErrHeld)

	r.SetNow(t, now.Add(-time.Hour))
	_, err = r.Store.Renew(t.Context(), first, traceTTL)
	wantErr(t, "renew after the clock went back by an hour", err, flagcache.ErrNotHeld)
	second := acquire(t, r.Store, bid("b"), traceTTL)
	if second.Epoch <= first.Epoch {
		t.Errorf("epoch %d after %d, want a greater one whatever the clock says", second.Epoch, first.Epoch)
	}
	save(t, r.Store, second, entry(r.Store, second, 1, `{"flags":[2]}`))

	r.SetNow(t, now.Add(24*time.Hour)) // and a jump ahead ends every lease
	_, err = r.Store.Renew(t.Context(), second, traceTTL)
	wantErr(t, "renew after the clock went ahead", err, flagcache.ErrNotHeld)
	third := acquire(t, r.Store, bid("a"), traceTTL)
	if third.Epoch <= second.Epoch {
		t.Errorf("epoch %d after %d", third.Epoch, second.Epoch)
	}
}
