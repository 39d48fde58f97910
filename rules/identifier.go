package rules

// identifierState says whether the identifier that the server hashes is known.
type identifierState uint8

const (
	knownIdentifier identifierState = iota
	unknownIdentifier
)

// hashes holds the hashes of one flag, each made at most once for each
// identifier in a row.
type hashes struct {
	flag *flag

	id         string // of the aggregation below
	state      identifierState
	of         *aggregation
	hasID      bool
	hasRollout bool
	inRollout  float64
}

// identifier is what the server hashes for a condition.
func (h *hashes) identifier(e *evaluation, a *aggregation) (string, identifierState) {
	if h.hasID && h.of == a {
		return h.id, h.state
	}
	h.id, h.state = e.identifier(h.flag, a)
	h.of, h.hasID, h.hasRollout = a, true, false
	return h.id, h.state
}

func (h *hashes) rollout(id string) float64 {
	if !h.hasRollout {
		h.inRollout = hashOf(h.flag, id, "")
		h.hasRollout = true
	}
	return h.inRollout
}

func (h *hashes) variant(id string) float64 { return hashOf(h.flag, id, "variant") }

// hashOf is the hash of a flag's rollout or variant. An empty identifier is 0
// by the server's rule.
func hashOf(f *flag, id, salt string) float64 {
	if id == "" {
		return 0
	}
	return bucket(f.prefix, id, salt)
}

// identifier is the identifier that the server hashes for a condition about a.
func (e *evaluation) identifier(f *flag, a *aggregation) (string, identifierState) {
	if a == nil && (f.continuity && !f.deviceKnown(e) || f.byDevice && !f.deviceKnown(e)) {
		return "", unknownIdentifier
	}
	return e.groupOrPerson(f, a)
}

// deviceKnown reports whether a flag is bucketed by device and there is one.
func (f *flag) deviceKnown(e *evaluation) bool { return f.byDevice && e.subject.deviceID() != "" }

// groupOrPerson is the group's key, the device id, or else the distinct id.
func (e *evaluation) groupOrPerson(f *flag, a *aggregation) (string, identifierState) {
	if a != nil {
		key, ok := e.groupKey(a.name)
		if ok != True {
			return "", unknownIdentifier
		}
		s, _ := key.string()
		return identifier(s), knownIdentifier
	}
	if f.byDevice {
		if id := e.subject.deviceID(); id != "" {
			return identifier(id), knownIdentifier
		}
	}
	return identifier(e.subject.DistinctID), knownIdentifier
}

// hasGroup reports whether the call has the group that a condition is about.
func (e *evaluation) hasGroup(a *aggregation) Truth {
	if a == nil {
		return True
	}
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
	case integer, unsigned, float:
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
