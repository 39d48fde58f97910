package loader

import (
	"fmt"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// State is where a loader is in its life.
//
//	Empty ⇄ Loading → Current ⇄ Stale     each → Closed
//
// With a file or a bootstrap document a loader starts as Stale. Once there are
// rules there are always rules: nothing leads back to Empty.
type State uint8

// The states.
const (
	Empty   State = iota // no rules, and no request under way
	Loading              // no rules yet, a request is under way
	Current              // the last answer from upstream was a good one
	Stale                // there are rules, but upstream has not confirmed them lately: see Status.Cause
	Closed               // Close was called; the rules, if any, are still there
)

var stateNames = [...]string{"empty", "loading", "current", "stale", "closed"}

// String is the state in lower case.
func (s State) String() string { return name(stateNames[:], uint8(s), "state") }

// Source is where definitions came from.
type Source uint8

// The sources. A document of the file or the bootstrap counts as upstream's
// from the moment that upstream confirms it.
const (
	NoSource  Source = iota // there are no definitions
	Bootstrap               // Config.Bootstrap
	File                    // the last-known-good file
	FromUpstream
)

var sourceNames = [...]string{"none", "bootstrap", "file", "upstream"}

// String is the source in lower case.
func (s Source) String() string { return name(sourceNames[:], uint8(s), "source") }

func name(names []string, i uint8, kind string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s %d", kind, i)
}

// Status is what a loader knew at one moment.
type Status struct {
	State State

	// Cause is why the state is not Current: the last failure, or that
	// upstream has not answered yet. Nil when Current. It holds no keys.
	Cause error

	Source   Source
	Revision flagdef.Revision // of the document held; zero if none
	ETag     string           // that belongs to it; empty if upstream gave none
	Flags    int              // how many flags it defines

	// FetchedAt is when the document was received, CheckedAt when upstream
	// was last asked and confirmed it. Zero: not known, as for a bootstrap.
	FetchedAt, CheckedAt time.Time

	// Age is the time since CheckedAt; zero if that is zero.
	Age time.Duration

	// Requests by outcome, since the start. A document that was refused
	// counts as failed.
	Full, NotModified, Failed uint64
}
