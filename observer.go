package hogflags

import "github.com/hogflags/hogflags/resolve"

// Observer is told what a client does, for metrics and traces. Its methods are
// called where flags are evaluated: they must return at once and be safe for
// concurrent use. Packages observe/promobserver and observe/otelobserver are
// two.
type Observer interface {
	// Watch is called once, by [New], before anything else. status gives the
	// state, age and requests of the definitions at any time; it does not
	// block.
	Watch(status func() Status)

	// Evaluated is called for n answers of one outcome that a call gave.
	Evaluated(outcome Outcome, n int)

	// Asked is called after each remote evaluation, and for each that the
	// circuit breaker held back.
	Asked(RemoteRequest)
}

// Outcome is what became of the evaluation of a flag.
type Outcome uint8

// The outcomes.
const (
	OutcomeLocal        Outcome = iota // decided from the definitions
	OutcomeRemote                      // decided by PostHog
	OutcomeInconclusive                // not decided
	OutcomeNotFound                    // there is no such flag
	Outcomes            = iota         // how many there are
)

var outcomeNames = [...]string{"local", "remote", "inconclusive", "not_found"}

// String is "local", "remote", "inconclusive" or "not_found".
func (o Outcome) String() string { return outcomeNames[o] }

type (
	// RemoteRequest is one remote evaluation.
	RemoteRequest = resolve.Request
	// RemoteCause is why PostHog was asked.
	RemoteCause = resolve.Cause
)

// The causes of remote evaluations.
const (
	NoDefinitions    = resolve.NoDefinitions    // there are none to evaluate with
	UndecidedLocally = resolve.UndecidedLocally // a flag is inconclusive
	UnknownLocally   = resolve.UnknownLocally   // a key is not in the definitions
)

func outcomeOf(a *Answer) Outcome {
	switch a.Status() {
	case Inconclusive:
		return OutcomeInconclusive
	case NotFound:
		return OutcomeNotFound
	}
	if a.DecidedLocally() {
		return OutcomeLocal
	}
	return OutcomeRemote
}

// count tells the observer of a snapshot's answers.
func (c *Client) count(answers []Answer) {
	if c.observer == nil {
		return
	}
	var n [Outcomes]int
	for i := range answers {
		n[outcomeOf(&answers[i])]++
	}
	for outcome, n := range n {
		if n > 0 {
			c.observer.Evaluated(Outcome(outcome), n)
		}
	}
}
