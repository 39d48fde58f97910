package flagcache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hogflags/hogflags/flagdef"
)

// ErrBadPin is in every error about a pin that cannot be made as it was asked
// for: nothing was changed.
var ErrBadPin = errors.New("cannot pin")

// Previous is the reference to the document that was current before the latest.
const Previous = "previous"

const (
	minPrefix  = 4 // digits of a revision
	maxPinText = 500
)

// PinRevision has every process of the fleet serve one document until [Unpin],
// and returns the decision and that document. The reference is [Previous], or the
// first digits, at least four, of a revision that the store keeps. by and why are
// for people, and both are needed. The error wraps [ErrBadPin] if there is no
// such document, [ErrNoPins] if the store keeps none.
func PinRevision(ctx context.Context, store Store, ref, by, why string) (Pin, *Entry, error) {
	pinner, p, err := decide(ctx, store, by, why)
	if err != nil {
		return Pin{}, nil, err
	}
	p.Revision, err = find(ctx, pinner, ref, p.Revision)
	if err != nil {
		return Pin{}, nil, err
	}
	doc, err := pinner.LoadRevision(ctx, p.Revision)
	if err == nil {
		err = doc.Verify(store.Scope())
	}
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrBadEntry):
		return Pin{}, nil, fmt.Errorf("%w %s: %w", ErrBadPin, p.Revision.Short(), err)
	case err != nil:
		return Pin{}, nil, err
	}
	return p, doc, set(ctx, pinner, p, doc)
}

// Unpin has the fleet serve the latest again, and returns the decision. That
// nothing was pinned is no error.
func Unpin(ctx context.Context, store Store, by, why string) (Pin, error) {
	pinner, p, err := decide(ctx, store, by, why)
	if err != nil {
		return Pin{}, err
	}
	p.Revision = flagdef.Revision{}
	return p, set(ctx, pinner, p, nil)
}

// decide makes the next decision, with the revision that is pinned now. Its
// number is above the store's clock: also above one that the store forgot.
func decide(ctx context.Context, store Store, by, why string) (Pinner, Pin, error) {
	for name, text := range map[string]string{"who pins": by, "why": why} {
		if err := checkText(text); err != nil {
			return nil, Pin{}, fmt.Errorf("%w: %s: %w", ErrBadPin, name, err)
		}
	}
	pinner, ok := store.(Pinner)
	if !ok {
		return nil, Pin{}, ErrNoPins
	}
	rec, err := store.Record(ctx)
	if err != nil {
		return nil, Pin{}, err
	}
	number := max(rec.Pin.Number+1, uint64(max(0, rec.Now.UnixMicro())))
	if number > MaxEpoch {
		return nil, Pin{}, fmt.Errorf("%w: the stored pin has a number that is out of range: remove it from the store", ErrBadPin)
	}
	return pinner, Pin{Number: number, Revision: rec.Pin.Revision, By: by, Why: why, At: rec.Now}, nil
}

func set(ctx context.Context, pinner Pinner, p Pin, doc *Entry) error {
	rec, err := pinner.SetPin(ctx, p, doc)
	if errors.Is(err, ErrStale) && rec.Refused != nil {
		return fmt.Errorf("%w over a pin that is not trusted and has a greater number: remove it from the store: %w", ErrBadPin, rec.Refused)
	}
	if errors.Is(err, ErrStale) {
		return fmt.Errorf("%w: somebody else decided at the same moment: look at the status", ErrBadPin)
	}
	return err
}

// checkText takes what a person can read in one line.
func checkText(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("it is empty")
	case len(text) > maxPinText:
		return fmt.Errorf("it has %d bytes, want at most %d", len(text), maxPinText)
	case !utf8.ValidString(text), strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("it has characters that cannot be printed")
	}
	return nil
}

// find resolves a reference among the documents that the store keeps.
func find(ctx context.Context, pinner Pinner, ref string, pinned flagdef.Revision) (flagdef.Revision, error) {
	list, err := pinner.History(ctx)
	if err != nil {
		return flagdef.Revision{}, err
	}
	if ref == Previous {
		for _, v := range list {
			if !v.ReplacedAt.IsZero() {
				return v.Revision, nil
			}
		}
		return flagdef.Revision{}, fmt.Errorf("%w the previous definitions: the store has none from before the latest", ErrBadPin)
	}
	digits := strings.ToLower(ref)
	if len(digits) < minPrefix || strings.Trim(digits, "0123456789abcdef") != "" {
		return flagdef.Revision{}, fmt.Errorf("%w %q: want %q or at least %d digits of a revision", ErrBadPin, ref, Previous, minPrefix)
	}
	found := map[flagdef.Revision]bool{}
	for _, v := range append(list, Version{Head: Head{Revision: pinned}}) {
		if strings.HasPrefix(v.Revision.String(), digits) {
			found[v.Revision] = true
		}
	}
	if len(found) > 1 {
		return flagdef.Revision{}, fmt.Errorf("%w %s: %d revisions begin so: give more digits", ErrBadPin, ref, len(found))
	}
	for r := range found {
		return r, nil
	}
	return flagdef.Revision{}, fmt.Errorf("%w %s: the store keeps no such revision: look at its history", ErrBadPin, ref)
}
