package rules

// dependency evaluates a filter on another flag.
func (e *evaluation) dependency(f *filter) Truth {
	target := &e.set.flags[f.index]
	mask := e.target(f.index)
	var accepted valueMask
	switch f.wants {
	case wantsOff:
		accepted = 1 << off
	case wantsOn:
		accepted = anything &^ (1 << off)
	default:
		v := target.valueOf(f.detail)
		if v == noValue {
			break
		}
		accepted = maskOf(v)
		if v >= sharedValues && mask&accepted != 0 {
			return Unknown // one of the values without a bit of their own
		}
	}
	switch {
	case mask == anything:
		return Unknown
	case mask&^accepted == 0:
		return True
	case mask&accepted == 0:
		return False
	default:
		return Unknown
	}
}

// target is the set of values that a flag may have, for those that depend on
// it. A flag for another runtime or context is off to them.
func (e *evaluation) target(i int32) valueMask {
	f := &e.set.flags[i]
	if e.memory != nil {
		if mask, ok := e.memory.target(f.target); ok {
			return mask
		}
	}
	mask := valueMask(1 << off)
	switch {
	case f.depth > maxFlagDepth:
		mask = anything
	case e.visible(f) != False:
		// What the target lacks is noted and traced only where it matters.
		quiet := evaluation{set: e.set, subject: e.subject, memory: e.memory}
		var o outcomes
		quiet.outcomes(f, true, &o)
		mask = o.mask
	}
	if e.memory != nil {
		e.memory.setTarget(f.target, mask)
	}
	return mask
}

// maxFlagDepth bounds the chain of flags that depend on flags. A flag that
// rests on a longer one is inconclusive.
const maxFlagDepth = 1000
