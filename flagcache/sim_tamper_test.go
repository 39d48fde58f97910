package flagcache

import (
	"bytes"
	"context"
	"crypto/ed25519"
)

func simKey(b byte) SigningKey {
	return SigningKey{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))}
}

// sign has every process see the store with signatures.
func (st *simStore) sign() {
	signed, err := NewSigned(simLedger{st}, Keys{Sign: simKey(1)})
	if err != nil {
		panic(err)
	}
	st.signed = signed
}

// tamper lets somebody who can write the store, and has no key, change one thing
// in it.
func (s *sim) tamper() {
	st := s.store
	l := st.state
	evil, _ := NewSigned(simLedger{st}, Keys{Sign: simKey(2)}) // it has a key
	forged := NewEntry(simScope, []byte(`{"flags":[{"key":"beta","forged":true}]}`), "forged")
	past := l
	if n := len(st.saved); n > 0 {
		past = st.saved[s.rng.IntN(n)].state
	}
	what := ""
	switch s.rng.IntN(8) {
	case 0:
		what = "stores a document that is not signed"
		forged.Position = Position{max(l.head().Epoch, 1) + uint64(s.rng.IntN(3)), l.head().Seq + uint64(s.rng.IntN(3))}
		l.Entry = forged
	case 1:
		what = "stores a document signed with another key"
		forged.Position = Position{l.head().Epoch + 1, 1}
		forged.Head = evil.sign(forged.Head)
		l.Entry = forged
	case 2:
		what = "stores an earlier entry"
		l.Entry = past.Entry
	case 3:
		what = "changes a head"
		if l.Entry == nil {
			return
		}
		e := *l.Entry
		switch s.rng.IntN(4) {
		case 0:
			e.Seq += uint64(1 + s.rng.IntN(3))
		case 1:
			e.ETag = "forged"
		case 2:
			e.CheckedAt = e.CheckedAt.Add(s.interval)
		case 3:
			e.Signature = ""
		}
		l.Entry = &e
	case 4:
		what = "stores a pin that is not signed"
		l.Pin = Pin{Number: uint64(st.serverNow().UnixMicro()), Revision: forged.Revision, By: "sim", Why: "sim", At: st.serverNow()}
		forged.Position = Position{1, 1}
		l.Pinned = forged
		if len(l.Former) > 0 && s.chance(0.5) {
			l.Pinned = l.Former[0].Entry // which is signed
			l.Pin.Revision = l.Pinned.Revision
		}
	case 5:
		what = "stores a pin signed with another key"
		l.Pin = Pin{Number: l.Pin.Number + 1, Revision: forged.Revision, By: "sim", Why: "sim"}
		l.Pin.Signature = simKey(2).sign(pinStatement(simScope, l.Pin))
		forged.Position = Position{1, 1}
		l.Pinned = forged
	case 6:
		what = "stores an earlier pin"
		l.Pin, l.Pinned = past.Pin, past.Pinned
	case 7:
		what = "deletes the pin"
		l.Pin, l.Pinned = Pin{}, nil
	}
	before := st.state.Pin
	st.state = l
	s.note("a tamperer %s: entry %v, pin %d", what, l.head().Position, l.Pin.Number)
	seen := l.Pin
	if st.signed.verifyPin(seen) != nil {
		seen = Pin{}
	}
	s.check.restored(before, seen)
	st.push()
}

// trusted is the stored head as processes see it.
func (st *simStore) trusted() Head {
	rec, _ := st.view().Record(context.Background()) // it does not fail here
	return rec.Head
}
