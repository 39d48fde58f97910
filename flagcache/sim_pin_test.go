package flagcache

import (
	"testing"
)

// TestSimulatedPins runs the same faults with an operator who pins former
// documents and unpins them, at random and in the middle of it all.
func TestSimulatedPins(t *testing.T) {
	simulateSeeds(t, func(s *sim) { s.pins = true })
}

// operate is an operator's decision, made on the server: it pins something that
// is kept, or nothing. One of ten documents is damaged on the way.
func (s *sim) operate() {
	st := s.store
	if st.down {
		return
	}
	now := st.serverNow()
	p := Pin{Number: max(st.state.Pin.Number+1, uint64(now.UnixMicro())), By: "sim", Why: "sim", At: now}
	var doc *Entry
	if list := st.state.History(); len(list) > 0 && s.chance(0.6) {
		doc, _ = st.state.LoadRevision(list[s.rng.IntN(len(list))].Revision) // it is in the list
		p.Revision = doc.Revision
		s.check.pins[p.Revision] = true
		if s.chance(0.1) {
			damaged := *doc
			damaged.Body = []byte("damaged")
			doc = &damaged
		}
	}
	err := st.state.SetPin(p, doc)
	s.note("operator pins %q (damaged %v): %v", p.Revision.Short(), doc != nil && doc.Verify(simScope) != nil, err)
	st.push()
}

// pinned is what everybody has to serve in the end, if a pin can be used.
func (st *simStore) pinned() (Pin, bool) {
	p := st.state.Pin
	e, err := st.state.LoadRevision(p.Revision)
	return p, p.Exists() && err == nil && e.Verify(simScope) == nil
}

func (d document) head() Head {
	if d.entry == nil {
		return Head{}
	}
	return d.entry.Head
}
