package resolve

import (
	"context"
	"errors"
	"time"

	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/rules"
)

// Cause is why PostHog is asked.
type Cause uint8

// The causes, for a request the first that applies.
const (
	NoDefinitions    Cause = iota // there are none to evaluate with
	UndecidedLocally              // a flag is inconclusive
	UnknownLocally                // a key is not in the definitions
)

var causeNames = [...]string{"no_definitions", "inconclusive", "unknown_key"}

// String is "no_definitions", "inconclusive" or "unknown_key".
func (c Cause) String() string { return causeNames[c] }

// Request is one remote evaluation.
type Request struct {
	Cause    Cause
	Keys     int           // how many flags were asked for; 0: all
	Decided  int           // how many of them PostHog decided
	Duration time.Duration // 0 if nothing was sent
	Err      error         // nil, or why there is no answer; [ErrCircuitOpen] if nothing was sent
}

// Result is what became of the request in one word: "answered", "quota_limited",
// "circuit_open", "timeout", "canceled" by the caller, or "failed".
func (r Request) Result() string {
	switch {
	case r.Err == nil:
		return "answered"
	case errors.Is(r.Err, ErrCircuitOpen):
		return "circuit_open"
	case errors.Is(r.Err, ErrQuotaLimited), posthogapi.KindOf(r.Err) == posthogapi.QuotaLimited:
		return "quota_limited"
	case errors.Is(r.Err, context.Canceled):
		return "canceled"
	case errors.Is(r.Err, context.DeadlineExceeded):
		return "timeout"
	}
	return "failed"
}

func causeOf(q *Question, asked []Answer) Cause {
	if q.Set == nil {
		return NoDefinitions
	}
	for i := range asked {
		if asked[i].local.Status == rules.Inconclusive {
			return UndecidedLocally
		}
	}
	return UnknownLocally
}

// report tells the observer of a request.
func (r *Resolver) report(sent *Request, cause Cause, keys []string, answers []Answer) {
	if r.observe == nil || sent == nil {
		return
	}
	sent.Cause, sent.Keys = cause, len(keys)
	for i := range answers {
		if answers[i].decidedRemotely() {
			sent.Decided++
		}
	}
	r.observe(*sent)
}
