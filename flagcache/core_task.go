package flagcache

import "time"

// Lanes run beside each other, so that a slow fetch does not cost the lease.
const (
	laneControl = iota // the record and the lease
	laneFetch          // upstream
	laneWrite          // observations and failures
	laneLoad           // documents from the store
	lanePin            // pinned ones
	laneApply          // documents to the sink
	laneCount
)

type taskKind int

const (
	taskNone taskKind = iota
	taskLook
	taskAcquire
	taskRenew
	taskFetch
	taskSave
	taskConfirm
	taskFail
	taskLoad
	taskLoadPin
	taskApply
)

func (k taskKind) String() string {
	return [...]string{"none", "look", "acquire", "renew", "fetch", "save", "confirm", "fail", "load", "load pin", "apply"}[k]
}

// task is one thing to do outside of the core.
type task struct {
	lane    int
	kind    taskKind
	sent    time.Time // when the core asked for it
	number  uint64    // of those of the control lane
	bid     Bid       // acquire
	claim   Claim     // renew, save, confirm, fail
	entry   *Entry    // save, confirm, apply; the base of a fetch, nil if it is unconditional
	epoch   uint64    // fetch: of the tenure; zero without one
	failure Failure   // fail
	pin     Pin       // load pin; apply, if the document is the pinned one
	release bool      // fail: and release the lease
}

// result is what came of a task.
type result struct {
	task   task
	record Record // of a store operation that was answered
	entry  *Entry // load, load pin
	answer Answer // fetch
	err    error
}
