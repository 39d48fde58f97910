package posthogtest

import (
	"slices"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// takeContinuity has flags with experience continuity evaluated like others, and
// says which they are.
func takeContinuity(defs *flagdef.Definitions) (keys []string) {
	for i := range defs.Flags {
		if f := &defs.Flags[i]; f.Continuity {
			f.Continuity = false
			keys = append(keys, f.Key)
		}
	}
	return keys
}

// formerLocked is the identifier that a person's flags with experience
// continuity are hashed by: the anonymous one of the first request that had
// both, or none.
func (s *Server) formerLocked(distinctID, anonymous string) string {
	if _, ok := s.former[distinctID]; !ok && anonymous != "" {
		if s.former == nil {
			s.former = map[string]string{}
		}
		s.former[distinctID] = anonymous
	}
	return s.former[distinctID]
}

// keep replaces the answers of flags with experience continuity by those for the
// former identifier.
func (c compiled) keep(answers []rules.Answer, subject rules.Subject, former string) {
	if former == "" {
		return
	}
	subject.DistinctID = former
	for i := range answers {
		if slices.Contains(c.continuity, answers[i].Key()) {
			answers[i] = c.set.Evaluate(answers[i].Key(), &subject)
		}
	}
}
