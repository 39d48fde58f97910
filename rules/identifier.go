package rules

// identifierState says whether the identifier that the server hashes is known.
type identifierState uint8

const (
	knownIdentifier identifierState = iota
	unknownIdentifier
)

// rolloutHash is the hash of a flag's rollout, made once for conditions in a
// row that are about the same.
type rolloutHash struct {
	made bool
	of   *aggregation
	hash float64
}

func (h *rolloutHash) get(f *flag, a *aggregation, id string) float64 {
	if !h.made || h.of != a {
		h.made, h.of, h.hash = true, a, hashOf(f, id, "")
	}
	return h.hash
}

// hashOf is the hash of a flag's rollout or variant. An empty identifier is 0
// by the server's rule.
func hashOf(f *flag, id, salt string) float64 {
	if id == "" {
		return 0
	}
	return f.prefix.bucket(id, salt)
}

// identifier is the identifier that the server hashes for a condition about a.
func (e *evaluation) identifier(f *flag, a *aggregation) (string, identifierState) {
	if a == nil && (f.byDevice || f.continuity) && !(f.byDevice && e.subject.deviceID() != "") {
		return "", unknownIdentifier
	}
	return e.groupOrPerson(f, a)
}

// groupOrPerson is the group's key, the device id, or else the distinct id.
func (e *evaluation) groupOrPerson(f *flag, a *aggregation) (string, identifierState) {
	if a != nil {
		key, ok := e.groupKey(a.name)
		if ok != True {
			return "", unknownIdentifier
		}
		s, settled := key.string()
		if !settled {
			return "", unknownIdentifier // a number like 1e16
		}
		return s, knownIdentifier
	}
	if f.byDevice {
		if id := e.subject.deviceID(); id != "" {
			return id, knownIdentifier
		}
	}
	return e.subject.DistinctID, knownIdentifier
}

// hasGroup reports whether the call has the group that a condition is about.
func (e *evaluation) hasGroup(a *aggregation) Truth {
	_, ok := e.groupKey(a.name)
	return ok
}

// groupKey is the call's key for a group type. A key that is empty, or neither
// a string nor a number, is none. Whether there is one is unknown if the type
// has no name.
func (e *evaluation) groupKey(groupType string) (operand, Truth) {
	if groupType == "" {
		return operand{}, Unknown
	}
	key, ok := e.subject.Groups[groupType]
	if !ok {
		return operand{}, False
	}
	o := operandOf(key)
	switch o.kind {
	case text:
		return o, truth(o.text != "")
	case integer, unsigned, float, rough:
		return o, True
	case undefined:
		return o, Unknown
	default:
		return o, False
	}
}

func (e *evaluation) noteIdentifier(f *flag, a *aggregation) {
	switch {
	case a != nil && a.name == "":
		e.note(Missing{Kind: GroupTypeName, Name: itoa(a.index)})
	case a != nil:
		e.note(Missing{Kind: Group, Name: a.name})
	case f.byDevice:
		e.note(Missing{Kind: DeviceID})
	default:
		e.note(Missing{Kind: HashOverride, Name: f.key})
	}
}
