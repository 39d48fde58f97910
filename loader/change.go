package loader

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"slices"

	"github.com/hogflags/hogflags/flagdef"
)

// Change says how the definitions differ from those before.
type Change struct {
	// Previous is the revision before, zero with the first document.
	Previous, Revision flagdef.Revision

	// Keys are the flags that were added, removed, or defined anew, sorted.
	// Flags that depend on them are not listed: see [rules.Set.Dependents].
	Keys []string

	// Shared is true when something outside of the flags changed: cohorts,
	// group types or settings. Any flag may then answer differently.
	Shared bool
}

// fingerprints stand for a document when it is compared with the next one, so
// that its bytes need not be kept.
type fingerprints struct {
	flags  map[string]uint64 // by key
	shared uint64
}

// seed makes fingerprints comparable within the process.
var seed = maphash.MakeSeed()

// takeFingerprints reads a document that has been parsed before; what of it
// cannot be read has no fingerprint.
func takeFingerprints(body []byte) fingerprints {
	p := fingerprints{flags: map[string]uint64{}}
	var compact bytes.Buffer
	print := func(raw json.RawMessage) uint64 {
		compact.Reset()
		_ = json.Compact(&compact, raw) // blanks do not count
		return maphash.Bytes(seed, compact.Bytes())
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members)
	var flags []json.RawMessage
	_ = json.Unmarshal(members["flags"], &flags)
	for _, raw := range flags {
		var flag struct {
			Key string `json:"key"`
		}
		if json.Unmarshal(raw, &flag) == nil && flag.Key != "" {
			p.flags[flag.Key] += print(raw) // a sum: keys may occur twice
		}
	}
	for name, raw := range members {
		if name != "flags" {
			p.shared += maphash.String(seed, name) ^ print(raw) // a sum: in any order
		}
	}
	return p
}

// diff compares p with the prints that follow it.
func (p fingerprints) diff(next fingerprints) Change {
	c := Change{Shared: p.shared != next.shared}
	for key, print := range next.flags {
		if before, ok := p.flags[key]; !ok || before != print {
			c.Keys = append(c.Keys, key)
		}
	}
	for key := range p.flags {
		if _, ok := next.flags[key]; !ok {
			c.Keys = append(c.Keys, key)
		}
	}
	slices.Sort(c.Keys)
	return c
}

// missingFrom counts the flags of p that next does not have.
func (p fingerprints) missingFrom(next fingerprints) int {
	n := 0
	for key := range p.flags {
		if _, ok := next.flags[key]; !ok {
			n++
		}
	}
	return n
}

// listener is told of the changes from the given number on.
type listener struct {
	from uint64
	call func(Change)
}

// subscribe adds a listener. A change that is applied already is none of its.
func (k *keeper) subscribe(f func(Change)) (stop func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	added := &listener{from: k.changes + 1, call: f}
	k.listeners = append(k.listeners, added)
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.listeners = slices.DeleteFunc(k.listeners, func(l *listener) bool { return l == added })
	}
}

// notify tells of the last change without holding the lock, so that listeners
// may ask for the status or subscribe.
func (k *keeper) notify(c Change) {
	k.mu.Lock()
	n, listeners := k.changes, slices.Clone(k.listeners)
	k.mu.Unlock()
	for _, l := range listeners {
		if l.from <= n {
			l.call(c)
		}
	}
}
