package resolve

import (
	"time"

	"github.com/hogflags/hogflags/rules"
)

// Evaluate answers for one flag from the definitions; without any it is not found.
// It does not block, and allocates nothing for a flag that is decided. If the
// subject has no time, the clock is read for a flag that depends on it, and for no
// other: that costs as much as evaluating, and what is decided without the time
// holds at any time. The subject must not be used by others meanwhile.
func Evaluate(a *rules.Answer, set *rules.Set, key string, s *rules.Subject) {
	if set == nil {
		*a = rules.Absent(key)
		return
	}
	set.EvaluateInto(a, key, s)
	if s.Now.IsZero() && !settled(a) {
		s.Now = time.Now()
		set.EvaluateInto(a, key, s)
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
