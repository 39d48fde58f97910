package rules

import "slices"

// evaluation is one call of Evaluate or EvaluateAll. It lives on the stack.
type evaluation struct {
	set     *Set
	subject *Subject
	memory  *scratch // nil: nothing is remembered between filters and flags
	missing *missingList
	trace   *trace
}

// answer evaluates a flag and fills in an Answer, which is zero. It is handed
// in because it is too large to be passed up by value at no cost.
func (e *evaluation) answer(f *flag, a *Answer) {
	a.flag = f
	a.ConditionIndex = -1
	if !f.unrestricted && e.visible(f) == False {
		return
	}
	var o outcomes
	e.outcomes(f, false, &o)
	if o.many {
		a.Status = Inconclusive
		a.Missing = e.whatIsMissing(f)
		return
	}
	a.Status = Decided
	a.Enabled = o.only != off
	a.Variant = f.values[o.only].variant
	a.Reason = o.reason
	a.value = o.only
	if o.index >= 0 {
		a.ConditionIndex = int(o.index)
	}
}

// visible reports whether a flag is for the subject's runtime and contexts.
func (e *evaluation) visible(f *flag) Truth {
	if f.unrestricted {
		return True
	}
	if f.deleted {
		return False
	}
	switch f.runtime {
	case "server":
		if e.subject.Runtime != RuntimeServer {
			return False
		}
	case "client":
		if e.subject.Runtime != RuntimeClient {
			return False
		}
	}
	if len(f.contexts) == 0 || len(e.subject.Contexts) == 0 {
		return True
	}
	shared := 0
	for _, context := range f.contexts {
		if slices.Contains(e.subject.Contexts, context) {
			shared++
		}
	}
	switch {
	case shared == 0:
		return False
	case f.matchAll && shared < len(f.contexts):
		return Unknown // it is not settled that the server reads the mode
	default:
		return True
	}
}

// outcomes finds what a flag may evaluate to. Unless the whole set is asked
// for, it may stop at the second value.
func (e *evaluation) outcomes(f *flag, whole bool, o *outcomes) {
	if f.plain && e.set.withheld == nil || !e.beforeConditions(f, whole, o) {
		e.conditions(f, o, whole)
	}
}

// beforeConditions applies what comes before a flag's conditions, and reports
// whether that is all. A flag that is plain has none of it.
func (e *evaluation) beforeConditions(f *flag, whole bool, o *outcomes) (done bool) {
	if w := e.set.withholds(f); w != nil {
		o.mask, o.many, o.any = anything, true, true
		e.note(*w)
		return true
	}
	if f.problem != nil {
		o.mask, o.many, o.any = anything, true, true
		e.note(Missing{Kind: Definition, Name: f.problem.Path + ": " + f.problem.What})
		return true
	}
	if !f.active {
		o.add(off, ReasonFlagDisabled, noCondition)
		return true
	}
	if f.broken {
		// The server looks for missing dependencies first, in all conditions.
		o.add(off, ReasonMissingDependency, noCondition)
		e.noteBroken(f)
	}
	if e.visible(f) == Unknown {
		o.add(off, ReasonNone, noCondition)
	}
	if f.enrollment != "" && e.enrollment(f, o) || o.many && e.enough(whole) {
		return true
	}
	if f.holdout == nil {
		return false
	}
	held := e.heldOut(f)
	if held != False {
		o.add(f.holdout.value, ReasonHoldout, noCondition)
	}
	return held == True
}

// enough reports whether two values settle it: the flag is inconclusive, and
// nobody wants to know more.
func (e *evaluation) enough(whole bool) bool {
	return !whole && e.missing == nil && e.trace == nil
}
