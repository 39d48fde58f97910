package loader

import (
	"fmt"
	"time"

	"github.com/hogflags/hogflags/flagcache"
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
	Current              // the last answer was a good one: upstream's, or the store's of what upstream said
	Stale                // there are rules, but nobody has confirmed them lately: see Status.Cause
	Closed               // Close was called; the rules, if any, are still there
)

var stateNames = [...]string{"empty", "loading", "current", "stale", "closed"}

// String is the state in lower case.
func (s State) String() string { return name(stateNames[:], uint8(s), "state") }

// Source is where definitions came from.
type Source uint8

// The sources. A document of the file or the bootstrap counts as the store's or
// upstream's from the moment that it is confirmed there.
const (
	NoSource  Source = iota // there are no definitions
	Bootstrap               // Config.Bootstrap, or Config.Predecessor's
	File                    // the last-known-good file
	FromStore               // the fleet's store: another process asked upstream
	FromUpstream
)

var sourceNames = [...]string{"none", "bootstrap", "file", "store", "upstream"}

// String is the source in lower case.
func (s Source) String() string { return name(sourceNames[:], uint8(s), "source") }

// confirms reports whether a document from there is known to be upstream's.
func (s Source) confirms() bool { return s >= FromStore }

func name(names []string, i uint8, kind string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s %d", kind, i)
}

// Status is what a loader knew at one moment.
type Status struct {
	State State

	// Cause is why the state is not Current: the last failure, of this process
	// or of the fleet's leader, or that nobody has answered yet. Nil when
	// Current. It holds no keys.
	Cause error

	Source   Source
	Revision flagdef.Revision // of the document held; zero if none
	ETag     string           // that belongs to it; empty if upstream gave none
	Flags    int              // how many flags it defines

	// FetchedAt is when the document was received, CheckedAt when upstream
	// was last asked and confirmed it. Zero: not known, as for a bootstrap.
	// Under a pin CheckedAt is the latest document's: upstream goes on being
	// asked, so Age goes on telling whether it answers.
	FetchedAt, CheckedAt time.Time

	// Age is the time since CheckedAt; zero if that is zero.
	Age time.Duration

	// Expired is true when Age is over Config.MaxAge: every flag is
	// inconclusive. Cleared is true when upstream said that the quota is used
	// up, and Config.OnQuotaLimited is ClearFlags: there are no flags.
	Expired, Cleared bool

	// Requests to upstream of this process by outcome, since the start. A
	// document that was refused counts as failed.
	Full, NotModified, Failed uint64

	// This process's part in its fleet; zero without a coordinator. StoreErr
	// is why the store could not be used lately, nil if it could: that alone
	// does not make the definitions stale.
	Role     flagcache.Role
	Leader   string             // who asks upstream, as last seen; empty if nobody
	Position flagcache.Position // of the definitions; zero if they did not come through the store
	StoreErr error

	// Pin is the operator's decision under which Revision is served instead of
	// Latest, the newest that the fleet knows; zero if there is none. Latest is
	// zero without a coordinator.
	Pin    flagcache.Pin
	Latest flagdef.Revision
}
