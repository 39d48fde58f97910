package cachetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// testMatchesLedger takes random steps on the store and on the reference, which
// is given the time that the store says it was. A store that keeps pins is held
// to the same history, too.
func testMatchesLedger(t *testing.T, b Backend) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	s := b.fresh(t)
	var state flagcache.Ledger
	tokens := []string{"a", "b", "c", ""}
	epochs := []uint64{0, 1}
	var steps []string
	pinner, pins := s.(flagcache.Pinner)
	for range 300 {
		name, do, mirror := randomStep(t, s, rng, tokens, &epochs, &state)
		steps = append(steps, name)
		rec, err := do()
		if err != nil && !answered(err) {
			t.Fatalf("%s: %v", name, err)
		}
		wantErr := mirror(rec.Now)
		want := state.Record(rec.Now)
		if !errors.Is(err, wantErr) || !sameRecord(rec, want) {
			tail := steps[max(0, len(steps)-12):]
			t.Fatalf("seed %d: after %q\n got %+v, %v\nwant %+v, %v", seed, tail, rec, err, want, wantErr)
		}
		if pins {
			wantHistory(t, fmt.Sprintf("seed %d", seed), pinner, state.History())
		}
		epochs = append(epochs, rec.Lease.Epoch)
	}
}

type (
	storeStep  = func() (flagcache.Record, error)
	mirrorStep = func(time.Time) error
)

func randomStep(t *testing.T, s flagcache.Store, rng *rand.Rand, tokens []string, epochs *[]uint64, st *flagcache.Ledger) (string, storeStep, mirrorStep) {
	ctx := t.Context()
	token := tokens[rng.IntN(len(tokens))]
	if rng.IntN(3) > 0 {
		token = st.Token // mostly who holds it
	}
	epoch := st.Lease.Epoch
	if rng.IntN(4) == 0 {
		epoch = (*epochs)[rng.IntN(len(*epochs))]
	}
	claim := flagcache.Claim{Token: token, Epoch: epoch}
	ttl := [...]time.Duration{time.Millisecond, flagcache.MaxLease}[rng.IntN(2)]
	seq := uint64(1 + rng.IntN(4))
	if st.Entry != nil {
		seq = st.Entry.Seq + uint64(rng.IntN(3))
	}
	e := entry(s, flagcache.Claim{Epoch: epoch}, max(seq, 1), fmt.Sprintf(`{"flags":[%d]}`, rng.IntN(14)))
	f := failure(flagcache.Claim{Epoch: epoch}, max(seq, 1))
	switch rng.IntN(9) {
	case 0, 1:
		if token == "" {
			token = "d"
		}
		bid := flagcache.Bid{Token: token, Holder: token, Salt: rng.Uint32N(1 << 20), Seen: epoch + uint64(rng.IntN(2))}
		return fmt.Sprintf("acquire %+v", bid),
			func() (flagcache.Record, error) { return s.Acquire(ctx, bid, ttl) },
			func(now time.Time) error { return st.Acquire(now, bid, ttl) }
	case 2:
		return fmt.Sprintf("renew %+v", claim),
			func() (flagcache.Record, error) { return s.Renew(ctx, claim, ttl) },
			func(now time.Time) error { return st.Renew(now, claim, ttl) }
	case 3:
		if rng.IntN(3) > 0 {
			break
		}
		return fmt.Sprintf("release %+v", claim),
			func() (flagcache.Record, error) { return s.Release(ctx, claim) },
			func(now time.Time) error { return st.Release(now, claim) }
	case 4, 5:
		return fmt.Sprintf("save %+v %v", claim, e.Position),
			func() (flagcache.Record, error) { return s.Save(ctx, claim, e) },
			func(now time.Time) error { return st.Save(now, claim, e) }
	case 6:
		return fmt.Sprintf("confirm %+v %v", claim, e.Position),
			func() (flagcache.Record, error) { return s.Confirm(ctx, claim, e.Head) },
			func(now time.Time) error { return st.Confirm(now, claim, e.Head) }
	case 7:
		return fmt.Sprintf("fail %+v %v", claim, f.Position),
			func() (flagcache.Record, error) { return s.Fail(ctx, claim, f) },
			func(now time.Time) error { return st.Fail(now, claim, f) }
	case 8:
		pinner, ok := s.(flagcache.Pinner)
		if !ok {
			break
		}
		p, doc := pin(st.Pin.Number+uint64(rng.IntN(3)), nil), (*flagcache.Entry)(nil)
		if rng.IntN(3) > 0 && e.Epoch > 0 {
			p, doc = pin(p.Number, e), e
		}
		return fmt.Sprintf("pin %d %s", p.Number, p.Revision.Short()),
			func() (flagcache.Record, error) { return pinner.SetPin(ctx, p, doc) },
			func(time.Time) error { return st.SetPin(p, doc) }
	}
	return "request reload",
		func() (flagcache.Record, error) { return s.RequestReload(ctx) },
		func(now time.Time) error { st.RequestReload(now); return nil }
}

// answer is which of the store's answers err is or wraps; nil if none.
func answer(err error) error {
	for _, known := range []error{flagcache.ErrHeld, flagcache.ErrNotHeld, flagcache.ErrStale, flagcache.ErrBodyNeeded} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

func answered(err error) bool { return answer(err) != nil }

// sameRecord compares all but the moment of it. Lease times may differ by the
// microsecond that a conversion rounds.
func sameRecord(got, want flagcache.Record) bool {
	return got.Lease.Holder == want.Lease.Holder && got.Lease.Epoch == want.Lease.Epoch &&
		got.Lease.Expires.Equal(want.Lease.Expires) &&
		got.Head == want.Head && got.Failure == want.Failure && got.Reload.Equal(want.Reload) && got.Pin == want.Pin
}
