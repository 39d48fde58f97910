package hogflags

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotReady is returned while the client holds no definitions. The
	// reason, if one is known, is in the same chain. See
	// [Client.WaitUntilReady].
	ErrNotReady = errors.New("no flag definitions yet")

	// ErrFlagNotFound is returned for a key that the definitions do not
	// have, or not for the subject's runtime and contexts.
	ErrFlagNotFound = errors.New("flag not found")

	// ErrInconclusive is returned for a flag whose value PostHog's server
	// could decide and this client cannot. Use [errors.AsType] with
	// [*InconclusiveError] for what was missing.
	ErrInconclusive = errors.New("flag cannot be decided locally")

	// ErrNoPayload is returned by [Evaluations.PayloadInto] when the value
	// served has no payload.
	ErrNoPayload = errors.New("flag has no payload")
)

// InconclusiveError is an [ErrInconclusive] that says what would have decided
// the flag.
type InconclusiveError struct {
	Key     string
	Missing []Missing
}

// Error names the flag and everything that was missing.
func (e *InconclusiveError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "flag %q cannot be decided locally", e.Key)
	for i, m := range e.Missing {
		if i == 0 {
			b.WriteString(": missing ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(m.String())
	}
	return b.String()
}

// Is makes an InconclusiveError an [ErrInconclusive].
func (e *InconclusiveError) Is(target error) bool { return target == ErrInconclusive }

// errOf is nil for a decided answer.
func errOf(key string, a Answer) error {
	switch a.Status {
	case decided:
		return nil
	case inconclusive:
		return &InconclusiveError{Key: key, Missing: a.Missing}
	}
	return fmt.Errorf("%w: %q", ErrFlagNotFound, key)
}
