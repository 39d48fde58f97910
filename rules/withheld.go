package rules

// Withheld returns a set of the same flags in which none is decided, as why is
// missing: for definitions that are held and not to be answered from. Flags for
// another runtime or other contexts stay not found. It shares everything with
// s, and costs next to nothing.
func (s *Set) Withheld(why Missing) *Set {
	return &Set{
		flags:         s.flags,
		byKey:         s.byKey,
		cohorts:       s.cohorts,
		cycles:        s.cycles,
		targets:       s.targets,
		questionCount: s.questionCount,
		problems:      s.problems,
		scratch:       s.scratch,
		minimalEvents: s.minimalEvents,
		withheld:      &why,
	}
}
