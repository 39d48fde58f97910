package flagcache

import (
	"context"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// Coordinator keeps a sink supplied with the current definitions and owns when
// upstream is asked. [Fleet] and [FromProvider] make one.
type Coordinator interface {
	// Run does the work until ctx ends, then gives back what it holds and
	// returns nil. It is called once. An error means that it could not start.
	Run(ctx context.Context, up Upstream, sink Sink) error

	// Reload asks for a poll now and returns once the sink has what upstream
	// served after the call, or when ctx ends. Before Run it waits for it.
	Reload(ctx context.Context) error

	// Status is a snapshot. It does not block.
	Status() Status
}

// Sink is where definitions go. Its methods are called from several
// goroutines, Apply from one at a time.
type Sink interface {
	// Current is the document already being served when Run starts, from a file
	// or a bootstrap: nil if there is none. Its position does not count: any
	// stored entry replaces it. Without a body it spares upstream less.
	Current() *Entry

	// Check reports why a document that upstream sent must not be used. It is
	// asked before the document is shared. Apply follows if it is.
	Check(e *Entry) error

	// Apply makes e the document that is served. After an error the former one
	// goes on being served, and the same revision is not offered again until
	// another was applied.
	Apply(e *Entry) error

	// Notice is told of every change of Status but for its counters. It does
	// not block.
	Notice(s Status)
}

// Role is what a process does in its fleet.
type Role string

// The roles.
const (
	RoleStarting Role = "starting" // nothing is known of the store yet
	RoleLeader   Role = "leader"   // holds the lease and polls upstream
	RoleFollower Role = "follower" // takes what the leader stored, and would lead
	RoleReader   Role = "reader"   // takes what is stored, and never fetches or leads
	RoleCutOff   Role = "cut_off"  // cannot reach the store
	RoleStopped  Role = "stopped"
)

// Status says what a coordinator does, and how good its definitions are.
type Status struct {
	Role   Role
	Leader string // who holds the lease, as last seen; empty if nobody

	// Epoch is that of the lease held, while what is served is stored and no older
	// than what was stored when it was granted; else zero. Nobody has anything
	// newer then, and the next leader will have nothing older.
	Epoch uint64

	// What is being served.
	Loaded   bool
	Revision flagdef.Revision
	ETag     string

	// The latest that is known, which is what is being served but for a Pin.
	// The zero Position marks a document that did not come through the store:
	// fetched directly, from a file, a bootstrap. ConfirmedAt is when upstream
	// last confirmed it, by this process's clock; zero if that is not known.
	Latest      flagdef.Revision
	Position    Position
	ConfirmedAt time.Time

	// Pin is why another document than the latest may be served; zero if none
	// is pinned. Upstream goes on being asked, so ConfirmedAt goes on, too.
	Pin Pin

	Failure   Cause     // why nothing is heard of upstream; empty if it could be read
	NotBefore time.Time // when upstream may be asked again, by this process's clock
	StoreErr  error     // why the store could not be used; nil if it could

	Counters Counters
}

// Counters count since the start of Run.
type Counters struct {
	Tenures     uint64 // times this process became the leader
	Lapsed      uint64 // tenures that ended by its own clock: the store was out of reach
	Lost        uint64 // tenures that ended because the store or a greater epoch said so
	Full        uint64 // requests that upstream answered with a document
	NotModified uint64 // requests that it answered with 304
	Failed      uint64 // requests that failed
	Direct      uint64 // of all those, the ones made without the lease
	Saves       uint64 // documents stored
	Confirms    uint64 // confirmations stored
	Repairs     uint64 // confirmations that found another document, or none, in the store
	Refused     uint64 // writes refused: not the holder, or not the newest
	StoreErrors uint64 // operations whose outcome is not known
	Loads       uint64 // documents read from the store
	Applied     uint64 // documents handed over to be served
	BadEntries  uint64 // stored documents and pins that were left alone: damaged, foreign, unusable, not signed
	OlderSeen   uint64 // times the store went back behind what is being served
	Hints       uint64 // pushes received
	Watches     uint64 // times that watching began
}
