package flagcache

import "context"

// Diagnoser is what a store can that looks for what is wrong with itself: with
// its server's settings, with this user's rights, with what else is on its keys.
type Diagnoser interface {
	// Diagnose looks, and changes nothing that a fleet sees. What cannot be
	// looked at is a finding, too.
	Diagnose(ctx context.Context) []Finding
}

// Finding is one thing that was looked at.
type Finding struct {
	Check    string   `json:"check"` // what was looked at, in a word or two that do not change
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Fix      string   `json:"fix,omitempty"` // the way out; empty if there is nothing to do
}

// Severity says what a finding means for a fleet.
type Severity string

// The severities, from good to bad.
const (
	SeverityOK      Severity = "ok"      // as it should be
	SeverityNote    Severity = "note"    // worth knowing
	SeverityWarning Severity = "warning" // works, and will not in some situation
	SeverityError   Severity = "error"   // does not work
)

// Diagnose lets the store beneath look.
func (s *Signed) Diagnose(ctx context.Context) []Finding {
	if d, ok := s.inner.(Diagnoser); ok {
		return d.Diagnose(ctx)
	}
	return nil
}
