package flagcache

import (
	"context"
	"testing"
	"time"
)

// TestSimulatedPins runs the same faults with an operator who pins former
// documents and unpins them, at random and in the middle of it all.
func TestSimulatedPins(t *testing.T) {
	simulateSeeds(t, *simSeeds/5, func(s *sim) { s.pins = true })
}

// TestSimulatedTampering adds signatures, and somebody who writes the store.
func TestSimulatedTampering(t *testing.T) {
	simulateSeeds(t, *simSeeds/5, func(s *sim) {
		s.pins, s.tampers = true, true
		s.store.sign()
	})
}

// operate is an operator's decision, made on the server: it pins something that
// is kept, or nothing. One of ten documents is damaged on the way.
func (s *sim) operate() {
	st := s.store
	if st.down {
		return
	}
	if st.state.Pin.Number > uint64(st.serverNow().Add(time.Hour).UnixMicro()) {
		st.state.Pin, st.state.Pinned = Pin{}, nil // as the operator is told to do
	}
	ctx := context.Background()
	pinner, p, err := decide(ctx, st.view(), "sim", "sim")
	if err != nil {
		s.check.fail("operator: %v", err)
		return
	}
	p.Revision = Head{}.Revision
	var doc *Entry
	list, _ := pinner.History(ctx) // it does not fail here
	if len(list) > 0 && s.chance(0.6) {
		doc, err = pinner.LoadRevision(ctx, list[s.rng.IntN(len(list))].Revision)
		if err != nil {
			return // its copy is damaged
		}
		p.Revision = doc.Revision
		s.check.pins[p.Revision] = true
		if !s.healed && s.chance(0.1) {
			damaged := *doc
			damaged.Body = []byte("damaged")
			doc = &damaged
		}
	}
	s.check.decided[decision{p.Number, p.Revision}] = true
	err = set(ctx, pinner, p, doc)
	s.note("operator pins %q as %d (damaged %v): %v", p.Revision.Short(), p.Number, doc != nil && doc.Verify(simScope) != nil, err)
	st.push()
}

// pinned is what everybody has to serve in the end, if a pin can be used.
func (st *simStore) pinned() (Pin, bool) {
	rec, _ := st.view().Record(context.Background()) // it does not fail here
	e, err := st.view().LoadRevision(context.Background(), rec.Pin.Revision)
	return rec.Pin, rec.Pin.Exists() && err == nil && e.Verify(simScope) == nil
}

func (d document) head() Head {
	if d.entry == nil {
		return Head{}
	}
	return d.entry.Head
}
