package loader

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// apply makes a document the current one, or refuses it and changes nothing.
// The change is nil if the same document is held already.
func (k *keeper) apply(doc document) (*Change, error) {
	revision := flagdef.RevisionOf(doc.body)
	if k.rules.Load() != nil && revision == k.held.Revision {
		k.mu.Lock()
		before := k.acceptLocked(doc)
		k.mu.Unlock()
		k.logRecovery(before)
		return nil, nil
	}
	defs := doc.defs
	if defs == nil {
		var err error
		if defs, err = parse(doc.body); err != nil {
			return nil, err
		}
	}
	if len(k.fixed) > 0 {
		defs = defs.Override(k.fixed)
	}
	set := rules.Compile(defs, rules.Options{TimeZone: k.timeZone})
	prints := takeFingerprints(doc.body)
	change := k.prints.diff(prints)
	change.Previous, change.Revision = k.held.Revision, revision
	lost, had := k.prints.missingFrom(prints), len(k.prints.flags)
	k.prints = prints

	k.mu.Lock()
	first := k.rules.Swap(set) == nil
	k.changes++
	k.held.Revision, k.held.Flags, k.held.FetchedAt = revision, set.Len(), doc.fetchedAt.Round(0)
	if k.keep {
		k.body = doc.body
	}
	before := k.acceptLocked(doc)
	k.mu.Unlock()
	if first {
		close(k.ready)
	}
	k.logRecovery(before)
	k.log.Info("definitions changed", "source", doc.source.String(), "revision", revision.Short(), "flags", set.Len(), "changed", len(change.Keys))
	if lostMost(lost, had) {
		k.log.Warn("definitions lost most of their flags", "revision", revision.Short(), "lost", lost, "had", had)
	}
	k.logProblems(defs, revision)
	return &change, nil
}

func parse(body []byte) (*flagdef.Definitions, error) {
	defs, err := flagdef.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadDocument, err)
	}
	return defs, nil
}

// acceptLocked notes where the current document comes from. It returns the
// cause that this ends.
func (k *keeper) acceptLocked(doc document) (before error) {
	k.held.ETag, k.held.Source, k.held.CheckedAt = doc.etag, doc.source, past(doc.checkedAt)
	if doc.source == FromUpstream { // the store's may be older than a refusal
		k.quotaLocked(false)
	}
	k.serveLocked()
	if !doc.source.confirms() {
		return nil
	}
	return k.settleLocked()
}

// past is a time by the wall clock, as the other one stands still while a machine is
// paused, and not in the future: what a clock that is ahead has dated would stay
// young for too long.
func past(t time.Time) time.Time {
	if now := time.Now(); t.After(now) {
		t = now
	}
	return t.Round(0)
}

// settleLocked notes that a good answer came.
func (k *keeper) settleLocked() (before error) {
	before = k.cause
	k.cause, k.busy = nil, false
	k.refreshed.Add(1)
	return before
}

func (k *keeper) logRecovery(before error) {
	if before != nil && !errors.Is(before, errUnconfirmed) {
		k.log.Info("definitions are current again", "after", before)
	}
}

// lostMost says when a shrinking document is worth a warning: deleting a flag
// or two is daily work, also in a small project.
func lostMost(lost, had int) bool { return had >= 5 && lost*2 > had }

func (k *keeper) logProblems(defs *flagdef.Definitions, revision flagdef.Revision) {
	problems := slices.Clone(defs.Problems)
	for i := range defs.Flags {
		if p := defs.Flags[i].Problem; p != nil {
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		k.log.Warn("definitions hold what cannot be evaluated", "revision", revision.Short(), "problems", len(problems), "first", problems[0])
	}
}

// save writes the file if it does not hold the document yet. A failure is
// retried after upstream's next good answer.
func (k *keeper) save() {
	if k.unsaved == nil {
		return
	}
	err := k.file.write(*k.unsaved)
	if err == nil {
		k.saved, k.unsaved, k.saveErr = k.held.Revision, nil, ""
		return
	}
	// The name of the temporary file is random: the innermost error tells
	// whether it is the same failure again.
	if text := rootCause(err).Error(); text != k.saveErr {
		k.saveErr = text
		k.log.Warn("last-known-good file not written", "file", k.file.path, "error", err)
	}
}

func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// status is what is known at a moment.
func (k *keeper) status(now time.Time) Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.held
	s.Cause = k.cause
	s.Cleared = k.cleared
	switch held := k.rules.Load() != nil; {
	case held && k.cause == nil:
		s.State = Current
	case held:
		s.State = Stale
	case k.busy:
		s.State = Loading
	default:
		s.State = Empty
	}
	if !s.CheckedAt.IsZero() {
		s.Age = max(0, now.Sub(s.CheckedAt))
		s.Expired = k.maxAge > 0 && s.Age > k.maxAge
	}
	return s
}
