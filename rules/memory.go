package rules

// scratch remembers, for the length of one evaluation, what cohorts and flags
// that others refer to came out as, what filters that recur did, and the person's
// properties. Without it the cost of an evaluation could grow beyond the size of
// the definitions. An entry counts only if it carries the number of the
// evaluation, so nothing is cleared but what is the subject's.
type scratch struct {
	evaluation uint32
	cohorts    []rememberedTruth
	questions  []rememberedTruth
	targets    []rememberedTarget
	properties []rememberedProperty
	read       []int32 // which properties have been asked for
}

type rememberedTruth struct {
	evaluation uint32
	outcome    Truth
}

type rememberedTarget struct {
	evaluation uint32
	mask       valueMask
}

// rememberedProperty is a property of the person: filters of many flags ask for
// the same few.
type rememberedProperty struct {
	state   propertyState // notAsked: nobody did yet
	operand operand
	dated   bool   // moment is what it is as a date
	moment  moment // reading one takes longer than comparing it
}

// remember gives a memory for one evaluation, and forget takes it back. They are
// methods of the set, and the pool is behind a pointer, because whatever a pool is
// reached through escapes: for an evaluation that would be its subject, which callers
// keep on the stack.
func (s *Set) remember() *scratch {
	m, _ := s.scratch.Get().(*scratch)
	if m == nil || m.evaluation == 1<<32-1 {
		m = &scratch{
			cohorts:    make([]rememberedTruth, len(s.cohorts)),
			questions:  make([]rememberedTruth, s.questionCount),
			targets:    make([]rememberedTarget, s.targets),
			properties: make([]rememberedProperty, s.properties),
			read:       make([]int32, 0, s.properties),
		}
	}
	m.evaluation++
	return m
}

func (s *Set) forget(m *scratch) {
	for _, i := range m.read { // nothing of a subject outlives its evaluation
		m.properties[i] = rememberedProperty{}
	}
	m.read = m.read[:0]
	s.scratch.Put(m)
}

func (s *scratch) cohort(i int32) (Truth, bool) {
	r := &s.cohorts[i]
	return r.outcome, r.evaluation == s.evaluation
}

func (s *scratch) setCohort(i int32, outcome Truth) {
	s.cohorts[i] = rememberedTruth{s.evaluation, outcome}
}

func (s *scratch) target(i int32) (valueMask, bool) {
	r := &s.targets[i]
	return r.mask, r.evaluation == s.evaluation
}

func (s *scratch) setTarget(i int32, mask valueMask) {
	s.targets[i] = rememberedTarget{s.evaluation, mask}
}
