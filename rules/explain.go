package rules

// Explanation is how one flag was evaluated: everything that was looked at, in
// the server's order, and where and why it stopped.
type Explanation struct {
	Answer      Answer
	EarlyAccess *FilterTrace // the early access filter, nil if the flag has none
	Holdout     *BucketTrace // nil if the flag has none, or it was not reached
	Conditions  []ConditionTrace
	Stop        string // where and why evaluation stopped, in words
}

// ConditionTrace is a condition set as it was evaluated. Unlike an evaluation,
// an explanation looks at every filter, also behind one that has failed.
type ConditionTrace struct {
	Index       int
	Aggregation string // "person" or the group type
	Filters     []FilterTrace
	Outcome     Truth        // of all filters together
	Rollout     *BucketTrace // nil if it was not reached, or is 100 %
	Percentage  float64
	Variant     *BucketTrace // nil if no variant was hashed
	Pinned      string       // the variant that the condition serves without hashing
	Note        string       // what became of it, in words
}

// FilterTrace is one filter, with what it saw.
type FilterTrace struct {
	Type, Key, Operator string
	Group               string // of a group filter: the group type
	Value               string // the filter's value as JSON, cut if it is long
	Seen                string // the text of the property
	Present             bool   // the property is known
	Negated             bool   // the outcome has been inverted
	Outcome             Truth
	Note                string        // why it is undecided
	Children            []FilterTrace // of a cohort or a property group
	Flag                *Explanation  // of a dependency
}

// BucketTrace is a hash and what it was compared with.
type BucketTrace struct {
	Identifier string
	Hash       float64
	Percentage float64 // the share that the hash must be within
	Outcome    Truth
	Variant    string // what a variant hash chose, "" for none
	Note       string
}

// Explain evaluates a flag and tells how. It is much slower than Evaluate.
func (s *Set) Explain(key string, subject *Subject) *Explanation {
	t := &trace{budget: maxTraced}
	return t.explain(s, key, subject)
}

// maxTraced bounds the filters in an explanation; a cohort or a flag beyond
// that is shown without what is in it.
const maxTraced = 5000

// trace builds an Explanation while a flag is evaluated. An evaluation that is
// not being explained has none.
type trace struct {
	Explanation
	budget int
	chain  []string // the flags being explained
}

func (t *trace) explain(s *Set, key string, subject *Subject) *Explanation {
	i, ok := s.byKey[key]
	if !ok {
		return &Explanation{Answer: s.Evaluate(key, subject), Stop: "There is no flag with this key."}
	}
	f := &s.flags[i]
	e := evaluation{set: s, subject: subject}
	memory := s.remember()
	defer s.forget(memory)
	e.memory = memory
	e.answer(f, &t.Answer)
	switch {
	case t.Answer.Status == NotFound:
		t.Stop = "The flag is not for this runtime or these evaluation contexts."
		return &t.Explanation
	case s.withholds(f) != nil:
		t.Stop = "The definitions are not answered from, for want of " + s.withheld.String() + "."
		return &t.Explanation
	case f.problem != nil:
		t.Stop = "The definition of the flag cannot be used: " + f.problem.Path + ": " + f.problem.What
		return &t.Explanation
	}
	e.trace = t
	e.outcomes(f, true, &outcomes{})
	t.Stop = t.stop(f)
	return &t.Explanation
}

func (t *trace) stop(f *flag) string {
	a := t.Answer
	switch {
	case a.Status == Inconclusive && f.broken:
		return "The flag depends on a flag that may be missing at the server, which would turn it off."
	case a.Status == Inconclusive:
		return "More than one value remains possible."
	case a.Reason == ReasonNone:
		return "Every possibility that remains leads to the same value."
	case a.Reason == ReasonOutOfRollout && f.earlyExit && a.ConditionIndex >= 0:
		return a.Description() + ": condition set " + itoa(a.ConditionIndex+1) + " matched, and the flag exits early."
	case a.Reason == ReasonConditionMatch && a.ConditionIndex < 0:
		return "More than one condition set may match; they all serve the same value."
	case a.Reason == ReasonConditionMatch, a.ConditionIndex < 0:
		return a.Description() + "."
	default:
		return a.Description() + " (condition set " + itoa(a.ConditionIndex+1) + ")."
	}
}

func (t *trace) enrollment(f *flag, p operand, outcome Truth) {
	seen, _ := p.string()
	t.EarlyAccess = &FilterTrace{
		Type: "person", Key: f.enrollment, Operator: "is_set",
		Seen: seen, Present: outcome == True, Outcome: outcome,
	}
}

func (t *trace) holdout(f *flag, id string, hash float64, outcome Truth) {
	t.Holdout = &BucketTrace{
		Identifier: id, Hash: hash, Percentage: f.holdout.percentage, Outcome: outcome,
		Variant: f.values[f.holdout.value].variant,
	}
}

func (t *trace) condition(c *condition, index int) {
	about := "person"
	if c.aggregation != nil {
		if about = c.aggregation.name; about == "" {
			about = "group type " + itoa(c.aggregation.index)
		}
	}
	t.Conditions = append(t.Conditions, ConditionTrace{Index: index, Aggregation: about, Percentage: c.percentage})
}

// current is the condition that is being evaluated.
func (t *trace) current() *ConditionTrace { return &t.Conditions[len(t.Conditions)-1] }

func (t *trace) noGroup() {
	c := t.current()
	c.Outcome = False
	c.Note = "The call has no group of type " + c.Aggregation + "."
}

func (t *trace) filtered(outcome Truth) {
	c := t.current()
	c.Outcome = outcome
	switch {
	case outcome == False:
		c.Note = "A filter does not match."
	case outcome == Unknown:
		c.Note = "Whether the filters match is not known."
	case len(c.Filters) == 0:
		c.Note = "There are no filters, so every subject matches."
	default:
		c.Note = "All filters match."
	}
}

func (t *trace) rollout(c *condition, id string, hash float64, outcome Truth) {
	t.current().Rollout = &BucketTrace{Identifier: id, Hash: hash, Percentage: c.percentage, Outcome: outcome}
}

func (t *trace) pinned(f *flag, value int16) {
	t.current().Pinned = f.values[value].variant
}

func (t *trace) variant(f *flag, id string, hash float64, value int16) {
	t.current().Variant = &BucketTrace{Identifier: id, Hash: hash, Outcome: True, Variant: f.values[value].variant}
}

func (t *trace) earlyExit() {
	t.current().Note += " Outside the rollout the flag exits early."
}

// filter adds a filter to the condition that is being evaluated.
func (t *trace) filter(e *evaluation, f *filter, outcome Truth) {
	quiet := evaluation{set: e.set, subject: e.subject, memory: e.memory}
	c := t.current()
	c.Filters = append(c.Filters, t.traceFilter(&quiet, f, outcome, 0))
}
