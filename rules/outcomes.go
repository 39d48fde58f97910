package rules

// outcomes is the set of values that a flag may have at the server, in view of
// what is not known here.
type outcomes struct {
	mask   valueMask
	only   int16 // the value, while there is just one
	many   bool  // there is more than one
	any    bool  // there is at least one
	reason Reason
	index  int32 // of the condition; noCondition if there is none
}

const (
	noCondition      = -1
	differsCondition = -2 // not the same in every world
)

// valueMask has a bit for each value of a flag. Values that it has no bit for
// share the last one.
type valueMask uint64

const (
	sharedValues           = 63
	anything     valueMask = 1<<64 - 1
)

func maskOf(value int16) valueMask { return 1 << min(value, sharedValues) }

// add adds a possible outcome. What leads to the same value with another
// reason leaves the reason open.
func (o *outcomes) add(value int16, reason Reason, index int32) {
	o.mask |= maskOf(value)
	switch {
	case !o.any:
		o.any, o.only, o.reason, o.index = true, value, reason, index
	case o.only != value:
		o.many = true
	default:
		if o.reason != reason {
			o.reason = ReasonNone
		}
		if o.index != index {
			o.index = differsCondition
		}
	}
}

// offReasons are the reasons that a flag may have for being off once no
// condition has matched: the best of what its conditions left, where the
// server ranks out_of_rollout_bound above no_condition_match above
// no_group_type, and takes the later of equals.
type offReasons struct {
	possible uint8 // bit r: the best so far may be Reason r

	// The condition of each.
	noGroupType, noConditionMatch, outOfRollout int32
}

func startOffReasons() offReasons {
	return offReasons{possible: 1 << ReasonNoGroupType, noGroupType: noCondition}
}

// note records what a condition left: one of the reasons of a set, which has a
// bit for each.
func (r *offReasons) note(set uint8, index int32) {
	if set&(set-1) == 0 {
		r.noteOne(set, index)
		return
	}
	var union offReasons
	for bit := uint8(1) << ReasonNoGroupType; bit <= 1<<ReasonOutOfRollout; bit <<= 1 {
		if set&bit != 0 {
			world := *r
			world.noteOne(bit, index)
			union.join(world)
		}
	}
	*r = union
}

func (r *offReasons) noteOne(bit uint8, index int32) {
	beaten := bit<<1 - 1 // this reason and those that rank below it
	if r.possible&beaten == 0 {
		return
	}
	r.possible = r.possible&^beaten | bit
	switch bit {
	case 1 << ReasonNoGroupType:
		r.noGroupType = index
	case 1 << ReasonNoConditionMatch:
		r.noConditionMatch = index
	default:
		r.outOfRollout = index
	}
}

// join adds the reasons of another world.
func (r *offReasons) join(world offReasons) {
	merge := func(reason Reason, mine *int32, theirs int32) {
		switch bit := uint8(1) << reason; {
		case world.possible&bit == 0:
		case r.possible&bit == 0:
			*mine = theirs
		case *mine != theirs:
			*mine = differsCondition
		}
	}
	merge(ReasonNoGroupType, &r.noGroupType, world.noGroupType)
	merge(ReasonNoConditionMatch, &r.noConditionMatch, world.noConditionMatch)
	merge(ReasonOutOfRollout, &r.outOfRollout, world.outOfRollout)
	r.possible |= world.possible
}

// addTo adds being off, for each of the reasons.
func (r *offReasons) addTo(o *outcomes) {
	if r.possible&(1<<ReasonNoGroupType) != 0 {
		o.add(off, ReasonNoGroupType, r.noGroupType)
	}
	if r.possible&(1<<ReasonNoConditionMatch) != 0 {
		o.add(off, ReasonNoConditionMatch, r.noConditionMatch)
	}
	if r.possible&(1<<ReasonOutOfRollout) != 0 {
		o.add(off, ReasonOutOfRollout, r.outOfRollout)
	}
}
