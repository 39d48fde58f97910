package rules

// needs collects what an evaluation may look at.
type needs struct {
	set            *Set
	supply, server missingList
	flags, cohorts map[int32]bool // those that have been looked into
}

func (n *needs) flag(i int32) {
	f := &n.set.flags[i]
	if n.flags[i] || !f.active && f.problem == nil {
		return
	}
	n.flags[i] = true
	if f.problem != nil {
		n.server.add(Missing{Kind: Definition, Name: f.problem.Path + ": " + f.problem.What})
		return
	}
	if f.depth > maxFlagDepth {
		n.server.add(Missing{Kind: Flag, Name: f.key})
		return
	}
	if f.enrollment != "" {
		n.supply.add(Missing{Kind: PersonProperty, Name: f.enrollment})
	}
	for j := range f.conditions {
		n.condition(f, &f.conditions[j])
		if j < len(f.conditions)-1 && f.preparesNothing(&f.conditions[j]) {
			n.unprepared(&f.conditions[j])
		}
		if f.settles(&f.conditions[j]) {
			break
		}
	}
	if f.broken {
		// A dependency that may be missing counts wherever it stands.
		f.visit(func(filter *filter) {
			if filter.kind == flagFilter && filter.broken {
				n.server.add(Missing{Kind: Flag, Name: filter.key})
			}
		})
	}
}

func (n *needs) condition(f *flag, c *condition) {
	if c.percentage <= 0 && !f.earlyExit {
		return
	}
	hashed := c.percentage < 100 || c.pinned == noValue && len(f.variants) > 1
	switch {
	case c.aggregation != nil && c.aggregation.name == "":
		n.server.add(Missing{Kind: GroupTypeName, Name: itoa(c.aggregation.index)})
	case c.aggregation != nil:
		n.supply.add(Missing{Kind: Group, Name: c.aggregation.name})
	case hashed && f.byDevice:
		n.supply.add(Missing{Kind: DeviceID})
	case hashed && f.continuity:
		n.server.add(Missing{Kind: HashOverride, Name: f.key})
	}
	for i := range c.filters {
		n.filter(&c.filters[i])
	}
}

// unprepared is for an early exit that may not happen, see passedOver. A group
// property that may be missing is among those to supply.
func (n *needs) unprepared(c *condition) {
	for i := range c.filters {
		if f := &c.filters[i]; f.kind == cohortFilter {
			n.server.add(Missing{Kind: CohortMember, Name: f.value})
		}
	}
}

func (n *needs) filter(f *filter) {
	if f.unsettled != nil {
		n.server.add(*f.unsettled)
		return
	}
	if f.settled || f.whatever != Unknown {
		return
	}
	switch f.kind {
	case personFilter:
		n.supply.add(Missing{Kind: PersonProperty, Name: f.key})
	case metadataFilter:
		n.server.add(Missing{Kind: PersonMetadata, Name: f.key})
	case groupFilter:
		n.supply.add(Missing{Kind: GroupProperty, Name: f.key, Group: f.detail})
	case cohortFilter:
		n.cohort(f.index)
	case flagFilter:
		n.flag(f.index)
	}
	if m, ok := f.dates(); ok && m.bound.kind != instant {
		if m.bound.kind == relative {
			n.supply.add(Missing{Kind: Time})
		}
		if m.zone == nil {
			n.supply.add(Missing{Kind: TimeZone})
		}
	}
}

func (n *needs) cohort(i int32) {
	if n.cohorts[i] {
		return
	}
	n.cohorts[i] = true
	c := &n.set.cohorts[i]
	if c.cycle != noTarget || c.depth > maxCohortDepth {
		n.server.add(Missing{Kind: CohortMember, Name: c.id})
	}
	if c.depth <= maxCohortDepth {
		c.root.visit(n.filter)
	}
}
