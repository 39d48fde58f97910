package hogflags

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/resolve"
)

var (
	// ErrNotReady is returned for local evaluations while the client holds no
	// definitions. The reason, if one is known, is in the same chain. See
	// [Client.WaitUntilReady].
	ErrNotReady = errors.New("no flag definitions yet")

	// ErrRemoteOnly is returned by what needs definitions, when the client
	// was made without a key to fetch them.
	ErrRemoteOnly = errors.New("the client has no SecretKey, so it has no flag definitions and asks PostHog for every flag")

	// ErrClosed is in the chain after [Client.Close], in place of what PostHog
	// would be asked for.
	ErrClosed = loader.ErrClosed

	// ErrFlagNotFound is returned for a key that neither the definitions nor
	// PostHog have, or not for the subject's runtime and contexts.
	ErrFlagNotFound = errors.New("flag not found")

	// ErrInconclusive is returned for a flag that the definitions do not
	// decide and PostHog, if it was asked, did not decide either. Use
	// [errors.AsType] with [*InconclusiveError] for what was missing.
	ErrInconclusive = errors.New("flag is not decided")

	// ErrNoPayload is returned by [Evaluations.PayloadInto] when the value
	// served has no payload.
	ErrNoPayload = errors.New("flag has no payload")

	// ErrQuotaLimited is in the chain when PostHog did not evaluate because
	// the project has used up its flag requests.
	ErrQuotaLimited = resolve.ErrQuotaLimited

	// ErrCircuitOpen is in the chain when PostHog was not asked, because it has
	// not answered the last requests.
	ErrCircuitOpen = resolve.ErrCircuitOpen
)

// InconclusiveError is an [ErrInconclusive] that says what would have decided
// the flag.
type InconclusiveError struct {
	Key string

	// Missing is what would have decided it here; nil if there is no
	// definition of the flag.
	Missing []Missing

	// Cause is why PostHog did not decide it either. Nil: it was not asked.
	Cause error
}

// Error names the flag, everything that was missing, and the cause.
func (e *InconclusiveError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "flag %q is not decided", e.Key)
	if e.Cause == nil {
		b.Reset()
		fmt.Fprintf(&b, "flag %q cannot be decided locally", e.Key)
	}
	for i, m := range e.Missing {
		if i == 0 {
			b.WriteString(": missing ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(m.String())
	}
	if e.Cause != nil {
		b.WriteString(": ")
		b.WriteString(e.Cause.Error())
	}
	return b.String()
}

// Is makes an InconclusiveError an [ErrInconclusive].
func (e *InconclusiveError) Is(target error) bool { return target == ErrInconclusive }

// Unwrap is the Cause.
func (e *InconclusiveError) Unwrap() error { return e.Cause }

// errOf is nil for a decided answer.
func errOf(a *Answer) error {
	switch a.Status() {
	case Decided:
		return nil
	case Inconclusive:
		return &InconclusiveError{Key: a.Key(), Missing: a.Missing(), Cause: a.Cause()}
	}
	return fmt.Errorf("%w: %q", ErrFlagNotFound, a.Key())
}
