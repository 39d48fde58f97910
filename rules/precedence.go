package rules

// enrollment applies early access: if the person has the property, it decides
// the flag. decided is false where the conditions may have a say.
func (e *evaluation) enrollment(f *flag, o *outcomes) (decided bool) {
	p, state := e.personProperty(f.enrollment)
	possible := Unknown
	switch {
	case state == missingProperty:
		possible = False
	case state == unknownProperty || p.kind == undefined:
		o.add(on, ReasonSuperCondition, 0)
		o.add(off, ReasonSuperCondition, 0)
	case p.kind == null:
		// Whether null counts as having the property is not settled.
		o.add(off, ReasonSuperCondition, 0)
	default:
		possible = True
		value := int16(off)
		if p.kind == boolTrue || p.kind == text && p.text == "true" {
			value = on
		}
		o.add(value, ReasonSuperCondition, 0)
	}
	if possible == Unknown {
		e.note(Missing{Kind: PersonProperty, Name: f.enrollment})
	}
	if e.trace != nil {
		e.trace.enrollment(f, p, possible)
	}
	return possible == True
}

// cookieless stands for the anonymous id of everybody without cookies, and is
// no identifier.
const cookieless = "$posthog_cookieless"

// heldOut reports whether the subject is in the flag's holdout. The server
// hashes the identifier of the flag's own aggregation, never a stored one; for
// a flag with experience continuity the anonymous id among the person's
// properties goes before the distinct id.
func (e *evaluation) heldOut(f *flag) Truth {
	id, state := e.groupOrPerson(f, f.aggregation)
	if f.continuity && f.aggregation == nil && !f.byDevice {
		if anonymous, ok := e.subject.PersonProperties["$anon_distinct_id"].(string); ok && anonymous != cookieless {
			id = anonymous
		}
	}
	result := Unknown
	hash := 0.0
	switch {
	case state != knownIdentifier:
		e.noteIdentifier(f, f.aggregation)
	case f.holdout.percentage >= 100:
		result = True
	default:
		hash = holdoutPrefix.bucket(id, "")
		result = truth(within(hash, f.holdout.percentage))
	}
	if e.trace != nil {
		e.trace.holdout(f, id, hash, result)
	}
	return result
}
