package flagcache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// Keys are what a process signs and verifies with.
type Keys struct {
	// Sign is for a process that writes: one that may lead, or pins. Its public
	// half is trusted, too. Zero is right for a process that only reads.
	Sign SigningKey

	// Verify are the keys to trust: one, and a second during a rotation. Empty:
	// that of Sign alone.
	Verify []VerifyKey
}

// Signed is a store whose entries and pins prove that somebody with a signing
// key wrote them. What proves nothing is shown as if it were not there, and
// [Record.Refused] or an error that wraps [ErrBadEntry] says why. Leases,
// failures and reload requests are not signed.
//
// It has every ability of the store beneath, and is safe for concurrent use. A
// decorator around it has to forward CanSign beside them: by that a [Fleet] knows
// that what is older than what it has seen is a replay.
type Signed struct {
	inner Store
	keys  atomic.Pointer[Keys] // replaced with mu held

	mu   sync.Mutex
	head Head // the last that was verified with these keys, with its signature
	pin  Pin
}

var (
	_ Store     = (*Signed)(nil)
	_ Watcher   = (*Signed)(nil)
	_ Pinner    = (*Signed)(nil)
	_ io.Closer = (*Signed)(nil)
)

// ErrNoSigningKey is what a [Signed] store answers to a write if it can only
// verify.
var ErrNoSigningKey = errors.New("flagcache: what is written has to be signed, and there is no signing key")

// NewSigned returns a signed view of a store.
func NewSigned(store Store, keys Keys) (*Signed, error) {
	if store == nil {
		return nil, errors.New("sign store: no store")
	}
	if u, ok := store.(interface{ Unsigned() error }); ok { // others write there, without keys
		return nil, fmt.Errorf("sign store: %w", u.Unsigned())
	}
	s := &Signed{inner: store}
	if err := s.Rotate(keys); err != nil {
		return nil, err
	}
	return s, nil
}

// Rotate replaces the keys while the store is used. What is stored is verified
// anew. A store that could sign has to be able to go on: else ErrNoSigningKey, and
// the keys stay.
func (s *Signed) Rotate(keys Keys) error {
	keys.Verify = slices.Clone(keys.Verify)
	if keys.Sign.private != nil {
		keys.Verify = append([]VerifyKey{keys.Sign.Public()}, keys.Verify...)
	}
	switch {
	case len(keys.Verify) == 0:
		return errors.New("sign store: no key to verify with")
	case slices.Contains(keys.Verify, VerifyKey{}):
		return errors.New("sign store: a key to verify with is the zero key, for which anybody can sign")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if former := s.keys.Load(); former != nil && former.Sign.private != nil && keys.Sign.private == nil {
		return fmt.Errorf("rotate keys: %w", ErrNoSigningKey)
	}
	s.keys.Store(&keys)
	s.head, s.pin = Head{}, Pin{}
	return nil
}

// CanSign reports whether the store can be written.
func (s *Signed) CanSign() bool { return s.keys.Load().Sign.private != nil }

// Scope is whose definitions these are.
func (s *Signed) Scope() Scope { return s.inner.Scope() }

// Record shows what can be trusted.
func (s *Signed) Record(ctx context.Context) (Record, error) { return s.trust(s.inner.Record(ctx)) }

// Acquire asks for the lease.
func (s *Signed) Acquire(ctx context.Context, bid Bid, ttl time.Duration) (Record, error) {
	return s.trust(s.inner.Acquire(ctx, bid, ttl))
}

// Renew prolongs the lease.
func (s *Signed) Renew(ctx context.Context, claim Claim, ttl time.Duration) (Record, error) {
	return s.trust(s.inner.Renew(ctx, claim, ttl))
}

// Release frees the lease.
func (s *Signed) Release(ctx context.Context, claim Claim) (Record, error) {
	return s.trust(s.inner.Release(ctx, claim))
}

// Fail records that upstream could not be read.
func (s *Signed) Fail(ctx context.Context, claim Claim, f Failure) (Record, error) {
	return s.trust(s.inner.Fail(ctx, claim, f))
}

// RequestReload asks the leader to poll now.
func (s *Signed) RequestReload(ctx context.Context) (Record, error) {
	return s.trust(s.inner.RequestReload(ctx))
}

// Save signs the entry and stores it.
func (s *Signed) Save(ctx context.Context, claim Claim, e *Entry) (Record, error) {
	if !s.CanSign() {
		return Record{}, ErrNoSigningKey
	}
	signed := *e
	signed.Head = s.sign(e.Head)
	return s.trust(s.inner.Save(ctx, claim, &signed))
}

// Confirm signs the head. It covers the stored document by its revision, so the
// bytes are not needed.
func (s *Signed) Confirm(ctx context.Context, claim Claim, h Head) (Record, error) {
	if !s.CanSign() {
		return Record{}, ErrNoSigningKey
	}
	return s.trust(s.inner.Confirm(ctx, claim, s.sign(h)))
}

// Load reads the entry and verifies it with its document.
func (s *Signed) Load(ctx context.Context) (*Entry, error) { return s.verified(s.inner.Load(ctx)) }

// SetPin signs the pin and its document. ErrNoPins if the store keeps none.
func (s *Signed) SetPin(ctx context.Context, p Pin, doc *Entry) (Record, error) {
	pinner, ok := s.inner.(Pinner)
	if !ok {
		return Record{}, ErrNoPins
	}
	if !s.CanSign() {
		return Record{}, ErrNoSigningKey
	}
	p.Signature = s.keys.Load().Sign.sign(pinStatement(s.Scope(), p))
	if doc != nil {
		signed := *doc
		signed.Head = s.sign(doc.Head)
		doc = &signed
	}
	return s.trust(pinner.SetPin(ctx, p, doc))
}

// History lists what can be trusted. ErrNoPins if the store keeps none.
func (s *Signed) History(ctx context.Context) ([]Version, error) {
	pinner, ok := s.inner.(Pinner)
	if !ok {
		return nil, ErrNoPins
	}
	list, err := pinner.History(ctx)
	var trusted []Version
	for _, v := range list {
		if s.verifyHead(v.Head) == nil {
			v.Signature = ""
			trusted = append(trusted, v)
		}
	}
	return trusted, err
}

// LoadRevision reads a document and verifies it. ErrNoPins if the store keeps
// none.
func (s *Signed) LoadRevision(ctx context.Context, r flagdef.Revision) (*Entry, error) {
	pinner, ok := s.inner.(Pinner)
	if !ok {
		return nil, ErrNoPins
	}
	return s.verified(pinner.LoadRevision(ctx, r))
}

// Watch calls hint when the record may have changed. If the store beneath does
// not push, it waits for ctx to end.
func (s *Signed) Watch(ctx context.Context, hint func()) error {
	if w, ok := s.inner.(Watcher); ok {
		return w.Watch(ctx, hint)
	}
	<-ctx.Done()
	return nil
}

// Close closes the store beneath, if it can be closed.
func (s *Signed) Close() error {
	if c, ok := s.inner.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (s *Signed) sign(h Head) Head {
	h.Signature = s.keys.Load().Sign.sign(entryStatement(s.Scope(), h))
	return h
}

// trust takes out of a record what proves nothing.
func (s *Signed) trust(rec Record, err error) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := rec.Head; h != s.head { // it is the same at most looks
		if bad := s.verifyHead(h); bad != nil {
			rec.Head, rec.Refused = Head{}, bad
		} else {
			s.head = h
		}
	}
	if p := rec.Pin; p != s.pin {
		if bad := s.verifyPin(p); bad != nil {
			rec.Pin, rec.Refused = Pin{}, errors.Join(rec.Refused, bad)
		} else {
			s.pin = p
		}
	}
	rec.Head.Signature, rec.Pin.Signature = "", ""
	return rec, err
}

func (s *Signed) verifyHead(h Head) error {
	if h == (Head{}) {
		return nil
	}
	if err := verify(s.keys.Load().Verify, entryStatement(s.Scope(), h), h.Signature); err != nil {
		return fmt.Errorf("%w: %v %s: %w", ErrBadEntry, h.Position, h.Revision.Short(), err)
	}
	return nil
}

func (s *Signed) verifyPin(p Pin) error {
	if p == (Pin{}) {
		return nil
	}
	if err := verify(s.keys.Load().Verify, pinStatement(s.Scope(), p), p.Signature); err != nil {
		return fmt.Errorf("%w: pin %d %s: %w", ErrBadEntry, p.Number, p.Revision.Short(), err)
	}
	return nil
}

// verified checks an entry whole.
func (s *Signed) verified(e *Entry, err error) (*Entry, error) {
	if err != nil {
		return nil, err
	}
	if err := s.verifyHead(e.Head); err != nil {
		return nil, err
	}
	if err := e.Verify(s.Scope()); err != nil {
		return nil, err
	}
	plain := *e
	plain.Signature = ""
	return &plain, nil
}
