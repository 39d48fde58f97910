package rules

// Truth is the outcome of a filter: False, True, or Unknown when it depends on
// something that is not known locally.
type Truth uint8

// The three values of Truth.
const (
	False Truth = iota
	True
	Unknown
)

var truthNames = [...]string{"false", "true", "unknown"}

// String is "false", "true" or "unknown".
func (t Truth) String() string { return truthNames[t] }

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// not swaps true and false; what is unknown stays unknown.
func (t Truth) not() Truth {
	switch t {
	case False:
		return True
	case True:
		return False
	default:
		return Unknown
	}
}

// agreed is what two readings of the same come to: Unknown if they differ.
func agreed(a, b Truth) Truth {
	if a == b {
		return a
	}
	return Unknown
}
