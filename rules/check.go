package rules

import (
	"fmt"
	"math"
	"strings"

	"github.com/hogflags/hogflags/flagdef"
)

// Finding is something that a reader of the definitions should know.
type Finding struct {
	Severity Severity
	Flag     string // the flag's key, "" for the document
	Path     string // where, as a JSON path from the flag, or from the document if there is no flag
	Code     string // what, in a form that does not change: "dead-condition"
	Message  string
}

// Severity says how bad a finding is.
type Severity uint8

// The severities.
const (
	Info    Severity = iota // worth knowing
	Warning                 // the flag works, but not as it looks, or not without the server
	Error                   // the flag is broken
)

var severityNames = [...]string{"info", "warning", "error"}

// String is "info", "warning" or "error".
func (s Severity) String() string { return severityNames[s] }

// Check looks for what is broken in the definitions, and for what stands in
// the way of deciding flags locally. Inactive flags are passed over: they are
// off. The findings are in the order of the document.
func (s *Set) Check() []Finding {
	c := checker{set: s}
	for _, p := range s.problems {
		c.add(Error, p.Path, "unusable-document-part", "%s", p.What)
	}
	for i := range s.flags {
		if f := &s.flags[i]; f.active || f.problem != nil {
			c.check(f)
		}
	}
	return c.findings
}

type checker struct {
	set      *Set
	flag     *flag
	cohorts  map[int32]bool // those reported on for the flag
	findings []Finding
}

func (c *checker) add(severity Severity, path, code, format string, args ...any) {
	finding := Finding{Severity: severity, Path: path, Code: code, Message: fmt.Sprintf(format, args...)}
	if c.flag != nil {
		finding.Flag = c.flag.key
	}
	c.findings = append(c.findings, finding)
}

func (c *checker) check(f *flag) {
	c.flag, c.cohorts = f, map[int32]bool{}
	if p := f.problem; p != nil {
		_, path, _ := strings.Cut(p.Path, ".") // what follows flags[i]
		c.add(Error, path, "unusable-flag", "%s; the flag is inconclusive", p.What)
		return
	}
	c.checkVariants()
	if f.enrollment != "" {
		c.add(Info, "filters.feature_enrollment", "early-access",
			"decided by the person property %s where the person has it; supply it, or declare the person complete", f.enrollment)
	}
	if f.encrypted {
		c.add(Info, "has_encrypted_payloads", "encrypted-payload", "the payload is known to the server only")
	}
	if f.depth > maxFlagDepth {
		c.add(Error, "filters.groups", "deep-dependencies", "rests on a chain of more than %d flags", maxFlagDepth)
	}
	if len(f.conditions) == 0 {
		c.add(Warning, "filters.groups", "no-conditions", "without a condition the flag is off for everyone")
	}
	settled := noCondition
	for i := range f.conditions {
		path := fmt.Sprintf("filters.groups[%d]", i)
		if settled != noCondition {
			c.add(Warning, path, "unreachable-condition", "condition set %d matches everyone, so this one is never reached", settled+1)
			continue
		}
		c.checkCondition(&f.conditions[i], path)
		if f.settles(&f.conditions[i]) {
			settled = i
		}
	}
}

// settles reports whether no subject gets past a condition.
func (f *flag) settles(cond *condition) bool {
	return len(cond.filters) == 0 && cond.aggregation == nil && (cond.percentage >= 100 || f.earlyExit)
}

func (c *checker) checkVariants() {
	f := c.flag
	if len(f.variants) == 0 {
		return
	}
	sum := f.variants[len(f.variants)-1].limit * 100
	switch {
	case math.Abs(sum-100) < 1e-6:
	case sum < 100:
		c.add(Warning, "filters.multivariate.variants", "variant-shares",
			"the shares add up to %.4g %%: the rest is on without a variant", sum)
	default:
		c.add(Warning, "filters.multivariate.variants", "variant-shares",
			"the shares add up to %.4g %%: what is beyond 100 is never served", sum)
	}
}

func (c *checker) checkCondition(cond *condition, path string) {
	f := c.flag
	if cond.undeclared != "" {
		c.add(Warning, path+".variant", "undeclared-variant",
			"%q is not a variant of the flag; the variant is hashed instead", cond.undeclared)
	}
	if cond.aggregation != nil && cond.aggregation.name == "" {
		c.add(Error, path+".aggregation_group_type_index", "unnamed-group-type",
			"group type %d has no name in the definitions", cond.aggregation.index)
	}
	if cond.percentage <= 0 {
		c.add(Info, path+".rollout_percentage", "dead-condition", "a rollout of 0 %% serves nobody")
	}
	hashed := cond.percentage > 0 && cond.percentage < 100 || cond.pinned == noValue && len(f.variants) > 1
	if hashed && cond.aggregation == nil {
		switch {
		case f.byDevice:
			c.add(Info, path, "needs-device-id", "hashes the device id; without one the flag is inconclusive")
		case f.continuity:
			c.add(Warning, path, "experience-continuity",
				"the server may hash an identifier that it has stored; it decides alone wherever the hash matters")
		}
	}
	for i := range cond.filters {
		c.checkFilter(&cond.filters[i], fmt.Sprintf("%s.properties[%d]", path, i))
	}
}

// checkFilter reports on a filter and on what it refers to.
func (c *checker) checkFilter(f *filter, path string) {
	if f.unsettled != nil {
		c.checkUnsettled(f, path)
		return
	}
	switch {
	case f.broken:
		c.add(Error, path, "missing-dependency", "the server marks the flag %q as missing or as part of a cycle", f.key)
	case f.brokenPattern():
		c.add(Error, path, "broken-pattern", "%s is not a regular expression, so the filter never matches", f.value)
	case f.whatever == False:
		c.add(Warning, path, "dead-filter", "%s %s %s never matches, and with it the condition",
			f.key, f.operator, f.value)
	case f.kind == metadataFilter:
		c.add(Warning, path, "person-metadata", "%s of the person is known to the server only", f.key)
	case f.kind == cohortFilter:
		c.checkCohort(f.index, path)
	}
	if m, ok := f.dates(); ok && m.zone == nil && m.bound.kind != instant {
		c.add(Info, path, "needs-time-zone",
			"%s is read in the project's time zone; configure it to decide near the edge", f.value)
	}
}

func (f *filter) brokenPattern() bool {
	m, constant := f.matcher.(always)
	return constant && m == always(False) && flagdef.Value(f.value).Kind() != flagdef.Null && f.value != "" &&
		(f.operator == "regex" || f.operator == "not_regex")
}

func (c *checker) checkCohort(i int32, path string) {
	if c.cohorts[i] {
		return
	}
	c.cohorts[i] = true
	co := &c.set.cohorts[i]
	switch {
	case co.depth > maxCohortDepth:
		c.add(Warning, path, "deep-cohorts", "cohort %s nests cohorts more than %d deep", co.id, maxCohortDepth)
		return
	case co.cycle != noTarget:
		c.add(Error, path, "cohort-cycle", "cohort %s contains itself", co.id)
	}
	co.root.visit(func(f *filter) {
		if f.unsettled != nil || f.kind == cohortFilter || f.kind == metadataFilter || f.brokenPattern() {
			// A path names the last cohort only: a chain of them may be long.
			base, _, _ := strings.Cut(path, " → ")
			c.checkFilter(f, base+" → cohort "+co.id)
		}
	})
}

// checkUnsettled reports on a filter whose meaning is the server's alone.
func (c *checker) checkUnsettled(f *filter, path string) {
	name := f.unsettled.Name
	switch f.unsettled.Kind {
	case CohortMember:
		c.add(Warning, path, "server-only-cohort",
			"cohort %s is static, behavioural or missing: who is in it is known to the server only", name)
	case Flag:
		c.add(Error, path, "missing-dependency", "the flag %q is not in the definitions, or depends on this one", name)
	case GroupTypeName:
		c.add(Error, path, "unnamed-group-type", "group type %s has no name in the definitions", name)
	case Operator:
		c.add(Warning, path, "unknown-operator", "the operator %q is not known to this version", name)
	case FilterType:
		c.add(Warning, path, "unknown-filter-type", "filters of the type %q cannot be evaluated locally", name)
	case Pattern:
		c.add(Warning, path, "unjudged-pattern", "what %s means to the server is not certain", f.value)
	default:
		c.add(Warning, path, "unsettled-value", "what %s means to the server is not certain", f.value)
	}
}

// Needs lists what an evaluation of a flag may look at: what a caller can
// supply (properties, groups, a device id, the time, the project's time zone),
// and what only the server knows. A flag of which the server list is empty is
// decided for every subject that is supplied with the rest. Both are nil for a
// flag that is inactive or does not exist.
func (s *Set) Needs(key string) (supply, server []Missing) {
	i, ok := s.byKey[key]
	if !ok || !s.flags[i].active {
		return nil, nil
	}
	n := needs{set: s, flags: map[int32]bool{}, cohorts: map[int32]bool{}}
	n.flag(i)
	return n.supply.list, n.server.list
}
