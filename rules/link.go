package rules

// lightWork is how many filters an evaluation may visit without remembering
// what cohorts and flags came out as. Most flags stay far below.
const lightWork = 256

// link resolves the references among cohorts and flags: what lies on a cycle,
// what may lack a dependency, and how much work each is.
func (c *compiler) link() {
	c.linkCohorts()
	c.linkFlags()
	c.linkQuestions()
	for i := range c.flags {
		f := &c.flags[i]
		f.plain = f.problem == nil && f.active && !f.broken && f.unrestricted && f.enrollment == "" && f.holdout == nil
	}
}

// linkQuestions keeps the numbers of those filters that ask what another one
// asks, too.
func (c *compiler) linkQuestions() {
	numbers := make([]int32, len(c.asked))
	for question, times := range c.asked {
		numbers[question] = notShared
		if times > 1 {
			numbers[question] = int32(c.questionCount)
			c.questionCount++
		}
	}
	renumber := func(f *filter) {
		if f.shared != notShared {
			f.shared = numbers[f.shared]
		}
	}
	for i := range c.flags {
		c.flags[i].visit(renumber)
	}
	for i := range c.cohorts {
		c.cohorts[i].root.visit(renumber)
	}
	c.properties = len(c.numbers)
	c.shared = c.shared || c.properties > 0
}

func (c *compiler) linkCohorts() {
	references := make([][]int32, len(c.cohorts))
	for i := range c.cohorts {
		c.cohorts[i].root.visit(func(f *filter) {
			if f.kind == cohortFilter && !f.settled {
				references[i] = append(references[i], f.index)
			}
		})
	}
	edges := func(i int32) []int32 { return references[i] }
	for _, component := range components(len(c.cohorts), edges) {
		if cyclic(component, edges) {
			for _, i := range component {
				c.cohorts[i].cycle = int32(len(c.cycles))
				c.cohorts[i].size = lightWork + 1 // a cycle needs memory
			}
			c.cycles = append(c.cycles, component)
		}
		for _, i := range component {
			co := &c.cohorts[i]
			co.root.visit(func(*filter) { co.size++ })
			for _, j := range references[i] {
				if c.cohorts[j].cycle == noTarget || c.cohorts[j].cycle != co.cycle {
					co.size += c.cohorts[j].size
					co.depth = max(co.depth, c.cohorts[j].depth+1)
				}
			}
			co.size = min(co.size, 2*lightWork)
		}
	}
}

// visit calls yield for each filter of a property group, at any depth.
func (g *group) visit(yield func(*filter)) {
	for i := range g.members {
		if m := &g.members[i]; m.group != nil {
			m.group.visit(yield)
		} else {
			yield(&m.filter)
		}
	}
}

func (c *compiler) linkFlags() {
	dependencies := make([][]int32, len(c.flags))
	for i := range c.flags {
		f := &c.flags[i]
		f.visit(func(filter *filter) {
			if filter.kind != flagFilter {
				return
			}
			f.broken = f.broken || filter.broken
			if filter.index == noTarget {
				return
			}
			dependencies[i] = append(dependencies[i], filter.index)
			if target := &c.flags[filter.index]; target.target < 0 {
				target.target = int32(c.targets)
				c.targets++
			}
		})
	}
	edges := func(i int32) []int32 { return dependencies[i] }
	work := make([]int, len(c.flags))
	member := make([]int32, len(c.flags)) // the component that a flag is in
	for n, component := range components(len(c.flags), edges) {
		for _, i := range component {
			member[i] = int32(n) + 1
		}
		onCycle := cyclic(component, edges)
		for _, i := range component {
			f := &c.flags[i]
			f.broken = f.broken || onCycle
			if onCycle {
				c.cut(f, func(target int32) bool { return member[target] == member[i] })
			}
			for _, j := range dependencies[i] {
				if member[j] == member[i] {
					continue
				}
				target := &c.flags[j]
				f.broken = f.broken || target.broken && target.active // an inactive flag is off, whatever it rests on
				f.depth = max(f.depth, target.depth+1)
				work[i] += work[j]
			}
			f.visit(func(filter *filter) {
				work[i]++
				if filter.kind == cohortFilter && !filter.settled {
					work[i] += c.cohorts[filter.index].size
					c.shared = true
				}
			})
			work[i] = min(work[i], 2*lightWork)
			f.heavy = work[i] > lightWork && (len(dependencies[i]) > 0 || f.usesCohorts())
		}
	}
	c.shared = c.shared || c.targets > 0
}

// cut takes a flag off its cycle: what it asks of the flags on it is not
// decidable. An inactive flag is off whatever it asks for, so to ask it is safe.
func (c *compiler) cut(f *flag, onCycle func(target int32) bool) {
	f.visit(func(filter *filter) {
		if filter.kind != flagFilter || filter.index == noTarget || !onCycle(filter.index) {
			return
		}
		filter.broken = true
		if c.flags[filter.index].active && !filter.settled {
			filter.settle(undecidable(Flag, filter.key))
			filter.index = noTarget
		}
	})
}

// visit calls yield for each filter of a flag's conditions.
func (f *flag) visit(yield func(*filter)) {
	for i := range f.conditions {
		for j := range f.conditions[i].filters {
			yield(&f.conditions[i].filters[j])
		}
	}
}

func (f *flag) usesCohorts() (uses bool) {
	f.visit(func(filter *filter) { uses = uses || filter.kind == cohortFilter })
	return uses
}
