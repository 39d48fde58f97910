package rules

// scratch remembers, for the length of one evaluation, what cohorts and flags
// that others refer to came out as, and what filters that recur did. Without it the cost of an evaluation could
// grow beyond the size of the definitions. An entry counts only if it carries
// the number of the evaluation, so nothing is ever cleared.
type scratch struct {
	evaluation uint32
	cohorts    []rememberedTruth
	questions  []rememberedTruth
	targets    []rememberedTarget
}

type rememberedTruth struct {
	evaluation uint32
	outcome    Truth
}

type rememberedTarget struct {
	evaluation uint32
	mask       valueMask
}

// remember gives an evaluation a memory. Forget gives it back.
func (e *evaluation) remember() {
	s, _ := e.set.scratch.Get().(*scratch)
	if s == nil || s.evaluation == 1<<32-1 {
		s = &scratch{
			cohorts:   make([]rememberedTruth, len(e.set.cohorts)),
			questions: make([]rememberedTruth, e.set.questionCount),
			targets:   make([]rememberedTarget, e.set.targets),
		}
	}
	s.evaluation++
	e.memory = s
}

func (e *evaluation) forget() {
	e.set.scratch.Put(e.memory)
	e.memory = nil
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
