package resolve

import (
	"time"

	"github.com/hogflags/hogflags/rules"
)

// evaluate answers for one flag from the definitions. The clock is read only for
// a flag that depends on it: that costs as much as evaluating, and what is decided
// without the time holds at any time.
func evaluate(set *rules.Set, key string, s *rules.Subject, a *rules.Answer) {
	*a = set.Evaluate(key, s)
	if s.Now.IsZero() && !settled(a) {
		s.Now = time.Now()
		*a = set.Evaluate(key, s)
		s.Now = time.Time{}
	}
}

// settled reports whether knowing more can add nothing to an answer.
func settled(a *rules.Answer) bool {
	switch a.Status {
	case rules.NotFound:
		return true
	case rules.Inconclusive:
		return false
	}
	switch a.Reason {
	case rules.ReasonNone:
		return false
	case rules.ReasonConditionMatch, rules.ReasonOutOfRollout, rules.ReasonNoConditionMatch:
		return a.ConditionIndex >= 0
	}
	return true
}
