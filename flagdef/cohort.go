package flagdef

// Cohort is a cohort that can be evaluated from its definition.
type Cohort struct {
	ID   string // as written
	Root Group

	// Problem is why the cohort cannot be evaluated, nil if it can.
	Problem *Problem
}

// Group is a property group: members joined by AND or OR.
type Group struct {
	Or       bool
	Members  []Member
	Negation bool // what the server makes of it on a group is not settled
}

// Member is a member of a property group: a nested group, or else a filter.
type Member struct {
	Group  *Group
	Filter Filter
}

func (d *decoder) cohorts(defs *Definitions) {
	defs.Cohorts = map[string]*Cohort{}
	d.in("cohorts", func() {
		if !d.object() {
			if p := d.takeProblem(); p != nil {
				defs.Problems = append(defs.Problems, p)
			}
			return
		}
		for !d.Close() {
			c := &Cohort{ID: string(d.member())}
			d.in(c.ID, func() {
				d.cohort(c)
				c.Problem = d.takeProblem()
			})
			defs.Cohorts[c.ID] = c
		}
	})
}

func (d *decoder) cohort(c *Cohort) {
	if k := kindOf(d.Peek()); k != Object {
		d.skip()
		d.fail(wanted(Object, k))
		return
	}
	member := d.node()
	if member.Group == nil {
		d.fail("a cohort must be a property group")
		return
	}
	c.Root = *member.Group
}

// node reads one member of a property group. What it is shows only when all
// of it has been read: a group has values, a filter does not.
func (d *decoder) node() (m Member) {
	if !d.object() {
		d.fail("a member of a property group must be an object")
		return m
	}
	var f = Filter{GroupIndex: Unset}
	var members []Member
	isGroup := false
	for !d.Close() {
		name := d.member()
		if string(name) != "values" {
			d.filterMember(&f, name)
			continue
		}
		isGroup = true
		d.in("values", func() {
			d.each(func(int) { members = append(members, d.node()) })
		})
	}
	if !isGroup {
		return Member{Filter: f}
	}
	if f.Type != "AND" && f.Type != "OR" {
		d.failAt("type", `a property group must be "AND" or "OR"`)
	}
	return Member{Group: &Group{Or: f.Type == "OR", Members: members, Negation: f.Negation}}
}
