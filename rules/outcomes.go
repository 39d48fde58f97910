package rules

import "math/bits"

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
	possible uint8    // bit r: the best so far may be Reason r
	index    [4]int32 // the condition of each
}

func startOffReasons() offReasons {
	r := offReasons{possible: 1 << ReasonNoGroupType}
	r.index[ReasonNoGroupType] = noCondition
	return r
}

// note records what a condition left: one of the reasons of a set, which has a
// bit for each.
func (r *offReasons) note(set uint8, index int32) {
	if set&(set-1) == 0 {
		r.noteOne(set, index)
		return
	}
	var union offReasons
	for reason := ReasonNoGroupType; reason <= ReasonOutOfRollout; reason++ {
		if bit := uint8(1) << reason; set&bit != 0 {
			world := *r
			world.noteOne(bit, index)
			union.join(world)
		}
	}
	*r = union
}

func (r *offReasons) noteOne(bit uint8, index int32) {
	upTo := bit<<1 - 1 // the reasons that this one beats
	if r.possible&upTo == 0 {
		return
	}
	r.possible = r.possible&^upTo | bit
	r.index[bits.TrailingZeros8(bit)] = index
}

// join adds the reasons of another world.
func (r *offReasons) join(world offReasons) {
	for reason, index := range world.index {
		switch bit := uint8(1) << reason; {
		case world.possible&bit == 0:
		case r.possible&bit == 0:
			r.index[reason] = index
		case r.index[reason] != index:
			r.index[reason] = differsCondition
		}
	}
	r.possible |= world.possible
}

// addTo adds being off, for each of the reasons.
func (r *offReasons) addTo(o *outcomes) {
	for reason := ReasonNoGroupType; reason <= ReasonOutOfRollout; reason++ {
		if r.possible&(1<<reason) != 0 {
			o.add(off, reason, r.index[reason])
		}
	}
}
