package flagcache

import (
	"crypto/sha256"
	"errors"
	"time"
)

// simInterop is the layout that hogflags shares with other SDKs, as its script in
// rediscache takes the steps: one value and one lock, which anybody may write. The
// rest of the state is the store's ledger, of which Entry is nil while the value is
// another SDK's.
type simInterop struct {
	st    *simStore
	value *foreignValue
	seq   uint64   // of the last document of another SDK's
	top   Position // the greatest that hogflags stored

	token  string // of another SDK's lock; empty: none
	until  time.Time
	places map[Position]bool // numbers that documents of other SDKs had

	log      []interopStep
	keep     bool
	numbered bool // by the step that is being taken
}

// foreignValue is what another SDK stored, with the number that it was given.
type foreignValue struct {
	body string
	at   Position // zero until somebody looked
}

const foreignLock = time.Minute

func newSimInterop(s *sim) *simInterop {
	i := &simInterop{st: s.store, places: map[Position]bool{}}
	s.store.interop = i
	return i
}

// wrote reports whether another SDK stored what has the number. A nil simInterop
// knows of none.
func (i *simInterop) wrote(at Position) bool { return i != nil && i.places[at] }

// restored is called when the store lost what it had, which was everything.
func (i *simInterop) restored() {
	if i == nil {
		return
	}
	i.value, i.seq, i.top, i.token = nil, 0, Position{}, ""
	i.noteStep(interopStep{Op: "restore", State: applied{Op: "restore", State: i.st.state}.line()["state"]}, result{})
}

// locked reports whether another SDK holds the lock.
func (i *simInterop) locked(now time.Time) bool { return i.token != "" && i.until.After(now) }

// entry is the value as a step sees it.
func (i *simInterop) entry(now time.Time) *Entry {
	v, l := i.value, &i.st.state
	if v == nil {
		return l.Entry
	}
	before := v.at
	defer func() { i.numbered = v.at != before }()
	if v.at == (Position{}) {
		i.seq++
		v.at = Position{Epoch: 1, Seq: i.seq}
	}
	if v.at.Epoch == 1 && (i.locked(now) || !l.Record(now).Live()) {
		v.at.Epoch = max(l.Lease.Epoch, uint64(now.UnixMicro())) + 1
		l.Lease.Epoch, l.Failure = v.at.Epoch, Failure{}
	}
	i.places[v.at] = true
	e := NewEntry(simScope, []byte(v.body), "")
	e.Position = v.at
	return e
}

// step is one step of the script.
func (i *simInterop) step(now time.Time, t task) result {
	l := &i.st.state
	i.numbered = false
	e := i.entry(now)
	seen := *l
	seen.Entry = i.unlike(e)
	if i.locked(now) {
		seen.Token, seen.Lease.Holder = "", "another SDK"
		seen.Lease.Expires = now.Add(min(i.until.Sub(now), MaxLease))
	}
	if t.kind == taskLoad {
		i.note(now, t, result{record: seen.Record(now)})
		if e == nil {
			return result{err: ErrNotFound}
		}
		return result{entry: e}
	}
	err := i.take(now, t, &seen)
	r := result{record: seen.Record(now), err: err}
	i.note(now, t, r)
	if t.kind == taskFail && t.release && definite(err) {
		r.err = seen.Release(now, t.claim)
		r.record = seen.Record(now)
		i.noteStep(interopStep{Now: now.UnixMicro(), Op: "release", Claim: &t.claim}, r)
	}
	if !i.locked(now) {
		l.Token, l.Lease = seen.Token, seen.Lease
	}
	l.Lease.Epoch = max(l.Lease.Epoch, seen.Lease.Epoch)
	l.Failure, l.Reload = seen.Failure, seen.Reload
	return r
}

// unlike gives a document of another SDK's the mark that the script knows it by,
// which is never a revision.
func (i *simInterop) unlike(e *Entry) *Entry {
	if e == nil || i.value == nil {
		return e
	}
	marked := *e
	marked.Revision = sha256.Sum256([]byte("mark of " + i.value.body))
	return &marked
}

func (i *simInterop) take(now time.Time, t task, seen *Ledger) error {
	switch t.kind {
	case taskAcquire:
		if i.locked(now) {
			seen.Lease.Epoch = max(seen.Lease.Epoch, t.bid.Seen)
			return ErrHeld
		}
		return seen.Acquire(now, t.bid, leaseTTL)
	case taskRenew:
		return seen.Renew(now, t.claim, leaseTTL)
	case taskSave:
		if done, err := seen.admit(now, t.claim, t.entry.Head); done || err != nil {
			return err
		}
		if i.value != nil && i.top.After(t.entry.Position) {
			return ErrStale
		}
		return i.stored(seen, seen.Save(now, t.claim, t.entry))
	case taskConfirm:
		if i.value != nil {
			if done, err := seen.admit(now, t.claim, t.entry.Head); done || err != nil {
				return err
			}
			return ErrBodyNeeded
		}
		return i.stored(seen, seen.Confirm(now, t.claim, t.entry.Head))
	case taskFail:
		return seen.Fail(now, t.claim, t.failure)
	}
	return nil
}

// stored notes that the value is hogflags's after a write.
func (i *simInterop) stored(seen *Ledger, err error) error {
	if err == nil && seen.Entry != nil {
		i.value, i.st.state.Entry = nil, seen.Entry
		i.top = seen.Entry.Position
	}
	return err
}

// What other SDKs do to the keys.

// lead is the script of the Python and Ruby examples.
func (i *simInterop) lead(token string) (bool, error) {
	now := i.st.serverNow()
	switch {
	case i.st.down:
		return false, errNetwork
	case i.token == token && i.locked(now):
	case i.locked(now), i.st.state.Record(now).Live():
		return false, nil
	}
	i.token, i.until = token, now.Add(foreignLock)
	i.noteStep(interopStep{Now: now.UnixMicro(), Op: "lock", Text: token}, result{})
	i.st.s.note("%s holds the lock", token)
	return true, nil
}

// unlock deletes the lock; anybody's without a token.
func (i *simInterop) unlock(token string) {
	now := i.st.serverNow()
	switch {
	case i.st.down:
		return
	case i.locked(now) && (token == "" || token == i.token):
		i.token = ""
	case i.locked(now), token != "", !i.st.state.Record(now).Live():
		return
	default: // hogflags's
		i.st.state.Token, i.st.state.Lease.Expires = "", time.Time{}
	}
	i.noteStep(interopStep{Now: now.UnixMicro(), Op: "unlock"}, result{})
	i.st.s.note("the lock is deleted")
}

// set is what every example does with a document.
func (i *simInterop) set(who, body string) {
	if i.st.down {
		return
	}
	if i.value == nil || i.value.body != body {
		i.value = &foreignValue{body: body}
		i.st.state.Entry = nil
	}
	i.noteStep(interopStep{Now: i.st.serverNow().UnixMicro(), Op: "set", Text: body}, result{})
	i.st.s.note("%s stores %s", who, body)
}

// get is the document as an SDK reads it: of hogflags's, the body will do.
func (i *simInterop) get() (string, error) {
	switch {
	case i.st.down:
		return "", errNetwork
	case i.value != nil:
		return i.value.body, nil
	case i.st.state.Entry != nil:
		return string(i.st.state.Entry.Body), nil
	}
	return "", errEmpty
}

var errEmpty = errors.New("nothing is cached")
