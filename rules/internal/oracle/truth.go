package oracle

// truth is the outcome of a filter for one who may not see everything.
type truth int8

const (
	no truth = iota
	yes
	maybe
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth {
	switch t {
	case no:
		return yes
	case yes:
		return no
	}
	return maybe
}

// negatedIf is t, or its opposite.
func (t truth) negatedIf(negated bool) truth {
	if negated {
		return t.not()
	}
	return t
}

// and is yes for an empty list; one no decides, wherever it stands.
func and(ts []truth) truth {
	result := yes
	for _, t := range ts {
		if t == no {
			return no
		}
		if t == maybe {
			result = maybe
		}
	}
	return result
}

// or is no for an empty list; one yes decides, wherever it stands.
func or(ts []truth) truth {
	result := no
	for _, t := range ts {
		if t == yes {
			return yes
		}
		if t == maybe {
			result = maybe
		}
	}
	return result
}

// agreed is the common outcome of all ts, maybe if there is none.
func agreed(ts ...truth) truth {
	for _, t := range ts {
		if t != ts[0] {
			return maybe
		}
	}
	return ts[0]
}

func (t truth) String() string { return [...]string{"no", "yes", "maybe"}[t] }
