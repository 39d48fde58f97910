package rules

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/hogflags/hogflags/flagdef"
)

// cohort is one compiled cohort.
type cohort struct {
	id    string
	root  group
	cycle int32 // the cycle that it is on, noTarget if none
	size  int   // how much there is to evaluate, nested cohorts included
	depth int   // how deep cohorts are nested in it
}

// group is a property group: members joined by AND or OR.
type group struct {
	or      bool
	members []member // the cheapest first
	effort  int      // of all members together
}

// member is a nested group, or else a filter.
type member struct {
	group  *group
	filter filter
	place  int // where it stands in the definitions
}

func (c *compiler) compileCohorts() {
	ids := make([]string, 0, len(c.defs.Cohorts))
	for id, def := range c.defs.Cohorts {
		if def.Problem == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids) // so that compiling is deterministic
	for i, id := range ids {
		c.cohortID[id] = int32(i)
	}
	c.cohorts = make([]cohort, len(ids))
	for i, id := range ids {
		c.cohorts[i] = cohort{id: id, root: *c.compileGroup(&c.defs.Cohorts[id].Root), cycle: noTarget}
	}
}

func (c *compiler) compileGroup(def *flagdef.Group) *group {
	g := &group{or: def.Or, members: make([]member, len(def.Members))}
	for i := range def.Members {
		g.members[i] = c.compileMember(&def.Members[i], def.Or)
		g.members[i].place = i
		g.effort += g.members[i].effort()
	}
	// The result does not depend on the order, so what is looked up at once
	// comes before what has to be worked out.
	slices.SortStableFunc(g.members, func(a, b member) int { return cmp.Compare(a.effort(), b.effort()) })
	return g
}

// effort is how much there is to do for a member: a filter is one look-up, a
// cohort is as many as it has, which is not known yet.
func (m *member) effort() int {
	const wholeCohort = 100
	switch {
	case m.group != nil:
		return m.group.effort
	case m.filter.kind == cohortFilter && !m.filter.settled:
		return wholeCohort
	default:
		return 1
	}
}

// inPlace yields the members as they stand in the definitions.
func (g *group) inPlace() []*member {
	members := make([]*member, len(g.members))
	for i := range g.members {
		members[g.members[i].place] = &g.members[i]
	}
	return members
}

func (c *compiler) compileMember(def *flagdef.Member, inOr bool) member {
	if def.Group == nil {
		return member{filter: c.compileCohortMember(&def.Filter, inOr)}
	}
	if def.Group.Negation {
		f := filter{kind: otherFilter, detail: "negated group", index: noTarget, shared: notShared}
		f.settle(undecidable(FilterType, f.detail))
		return member{filter: f}
	}
	return member{group: c.compileGroup(def.Group)}
}

// compileCohortMember compiles a filter of a cohort. Cohorts are about
// persons: what else they may ask for is not settled.
func (c *compiler) compileCohortMember(def *flagdef.Filter, inOr bool) filter {
	f := c.compileFilter(def, nil)
	switch {
	case f.kind == groupFilter, f.kind == flagFilter:
		f.settle(undecidable(FilterType, def.Type+" in a cohort"))
		f.index, f.broken = noTarget, false
	case f.kind == cohortFilter && def.Negation && inOr:
		// The server honours it in an AND; in an OR it has ignored it.
		f.settle(undecidable(FilterType, "negated cohort"))
	default:
		f.negated = f.negated != def.Negation // a cohort's operator may have negated it already
	}
	return f
}

// compileMembership compiles a reference to a cohort. One that is not in the
// definitions is static, or the server's alone for another reason.
func (c *compiler) compileMembership(f *filter, def *flagdef.Filter) {
	switch def.Operator {
	case "", "in":
	case "not_in":
		f.negated = true
	case flagdef.UnknownOperator:
		f.settle(undecidable(Operator, def.Operator))
		return
	default:
		f.settle(constant(False))
		return
	}
	id := string(def.Value)
	if _, err := strconv.ParseInt(id, 10, 64); err != nil {
		f.settle(undecidable(FilterValue, id))
		return
	}
	i, ok := c.cohortID[id]
	if !ok {
		f.settle(undecidable(CohortMember, id))
		return
	}
	f.index = i
	f.comparison = constant(Unknown)
}
