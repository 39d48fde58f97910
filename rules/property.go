package rules

import "strings"

// propertyState says what is known of a property.
type propertyState uint8

const (
	notAsked propertyState = iota
	knownProperty
	missingProperty // known to be missing
	unknownProperty // the server may have it stored
)

// personProperty looks a property of the person up.
func (e *evaluation) personProperty(key string) (operand, propertyState) {
	if v, ok := e.subject.PersonProperties[key]; ok {
		if v == nil && strings.HasPrefix(key, "$geoip_") {
			return operand{}, unknownProperty // the server fills in what is null
		}
		return operandOf(v), knownProperty
	}
	twin, aliased := e.osAlias(key)
	switch {
	case key == "distinct_id":
		id := validUTF8(e.subject.DistinctID)
		if id != identifier(id) {
			return operand{}, unknownProperty // whether the server cuts the property, too, is not settled
		}
		return operand{kind: text, text: id}, knownProperty
	case !e.subject.CompletePerson,
		strings.HasPrefix(key, "$geoip_"), strings.HasPrefix(key, "$initial_"):
		return operand{}, unknownProperty
	case aliased && twin == nil:
		return operand{}, unknownProperty // whether the server copies a null is not settled
	case aliased:
		return operandOf(twin), knownProperty
	default:
		return operand{}, missingProperty
	}
}

// osAlias is the operating system under its other name: where a person has
// just one of $os and $os_name, the server copies it to the other.
func (e *evaluation) osAlias(key string) (any, bool) {
	switch key {
	case "$os":
		key = "$os_name"
	case "$os_name":
		key = "$os"
	default:
		return nil, false
	}
	v, ok := e.subject.PersonProperties[key]
	return v, ok
}

// groupProperty looks a property of one of the subject's groups up.
func (e *evaluation) groupProperty(groupType, key string) (operand, propertyState) {
	group, has := e.groupKey(groupType)
	if has != True {
		return operand{}, unknownProperty
	}
	v, given := e.subject.GroupProperties[groupType][key]
	switch {
	case key == "$group_key" && given && !sameScalar(operandOf(v), group):
		return operand{}, unknownProperty // which of the two the server takes is not settled
	case key == "$group_key":
		return group, knownProperty
	case given:
		return operandOf(v), knownProperty
	case e.subject.completeGroup(groupType):
		return operand{}, missingProperty
	default:
		return operand{}, unknownProperty
	}
}

func sameScalar(a, b operand) bool {
	return a == b && a.kind != composite
}

// filter evaluates one filter.
func (e *evaluation) filter(f *filter) Truth {
	t := f.whatever
	switch {
	case f.settled:
	case f.kind == personFilter && (e.memory == nil || f.shared == notShared):
		t = e.personMatch(f)
	case f.kind == personFilter:
		t = e.sharedMatch(f)
	case f.kind == groupFilter:
		p, state := e.groupProperty(f.detail, f.key)
		t = e.compare(f, p, state)
	case f.kind == cohortFilter:
		t = e.cohort(f.index)
	case f.kind == flagFilter:
		t = e.dependency(f)
	}
	if f.negated {
		return t.not()
	}
	return t
}

// sharedMatch is personMatch for filters that ask the same: one is evaluated.
func (e *evaluation) sharedMatch(f *filter) Truth {
	r := &e.memory.questions[f.shared]
	if r.evaluation != e.memory.evaluation {
		*r = rememberedTruth{e.memory.evaluation, e.personMatch(f)}
	}
	return r.outcome
}

// personMatch evaluates a filter on a property of the person.
func (e *evaluation) personMatch(f *filter) Truth {
	if e.memory != nil {
		return e.rememberedMatch(f)
	}
	v := e.subject.PersonProperties[f.key]
	if s, ok := v.(string); ok { // as most are
		return f.match(operand{kind: text, text: s}, e.subject.Now)
	}
	if v != nil {
		return f.match(operandOf(v), e.subject.Now)
	}
	p, state := e.personProperty(f.key)
	return e.compare(f, p, state)
}

// rememberedMatch is personMatch with the property read once for all filters.
func (e *evaluation) rememberedMatch(f *filter) Truth {
	p := &e.memory.properties[f.index]
	if p.state == notAsked {
		p.operand, p.state = e.personProperty(f.key)
		e.memory.read = append(e.memory.read, f.index)
	}
	if date, ok := f.dates(); ok && p.state == knownProperty && p.operand.kind != rough {
		if !p.dated {
			p.moment, p.dated = propertyMoment(p.operand), true
		}
		return date.compare(&p.moment, e.subject.Now)
	}
	return e.compare(f, p.operand, p.state)
}

func (e *evaluation) compare(f *filter, p operand, state propertyState) Truth {
	switch state {
	case knownProperty:
		return f.match(p, e.subject.Now)
	case missingProperty:
		return f.whenMissing
	default:
		return f.whatever
	}
}
