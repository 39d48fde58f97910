package oracle

import "slices"

// outcome is one thing that the server may answer.
type outcome struct {
	value  any // bool or string
	reason string
	index  int // -1 for none
}

// record is the best miss so far, as far as the answer to "why not" goes.
type record struct {
	reason string
	index  int
}

var priority = map[string]int{"out_of_rollout_bound": 3, "no_condition_match": 2, "no_group_type": 1}

// after is the record once condition i missed too: the later of equals wins.
func (r record) after(reason string, i int) record {
	if priority[reason] >= priority[r.reason] {
		return record{reason, i}
	}
	return r
}

// answer is what all outcomes have in common.
func answer(f flag, outcomes []outcome) Answer {
	first := outcomes[0]
	a := Answer{Value: first.value, Payload: f.payload(first.value), ReasonJudged: true, IndexJudged: true}
	sameReason, sameIndex := true, true
	for _, o := range outcomes {
		if o.value != first.value {
			return Answer{Value: Inconclusive, ReasonJudged: true, IndexJudged: true}
		}
		sameReason = sameReason && o.reason == first.reason
		sameIndex = sameIndex && o.index == first.index
	}
	if sameReason {
		a.Reason = &first.reason
	}
	if sameIndex && first.index >= 0 {
		a.ConditionIndex = &first.index
	}
	return a
}

// payload is stored under the variant, or under "true" without one.
func (f flag) payload(value any) any {
	switch {
	case value == false || f.encrypted:
		return nil
	case value == true:
		return f.payloads["true"]
	}
	return f.payloads[value.(string)]
}

// filteredOut is what runtime and contexts hide from a request.
func filteredOut(f flag, o Options) bool {
	runtime := o.Runtime
	if runtime == "" {
		runtime = "server"
	}
	if f.runtime != "" && f.runtime != "all" && f.runtime != runtime {
		return true
	}
	if len(o.Contexts) == 0 || len(f.contexts) == 0 {
		return false
	}
	return !slices.ContainsFunc(f.contexts, func(c any) bool {
		return slices.Contains(o.Contexts, word(c))
	})
}
