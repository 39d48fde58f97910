package oracle

// dependency evaluates a filter on another flag: decided if everything that the
// target may be agrees. Within a cycle nothing is known.
func (e *plain) dependency(from flag, f filter) truth {
	if f.operator != "flag_evaluates_to" {
		return no
	}
	target, ok := e.byKey[f.key]
	switch {
	case ok && !target.active:
		return evaluatesTo(f.value, false)
	case !ok || e.cyclic(f.key, from.key): // whoever the target is for
		return agreed(evaluatesTo(f.value, true), evaluatesTo(f.value, false), evaluatesTo(f.value, f.value))
	case filteredOut(target, e.options):
		return evaluatesTo(f.value, false)
	}
	var ts []truth
	for _, o := range e.outcomes(target) {
		ts = append(ts, evaluatesTo(f.value, o.value))
	}
	return agreed(ts...)
}

// evaluatesTo compares what a flag filter wants with what its target is.
func evaluatesTo(wanted, value any) truth {
	switch wanted := wanted.(type) {
	case bool:
		return truthOf((value != false) == wanted)
	case string:
		return truthOf(value == any(wanted))
	}
	return no
}

// fragile says that the server may miss a dependency of f: a target outside the
// feed, an empty chain or a cycle, here or in what f rests on.
func (p *Project) fragile(f flag) bool {
	for key := range p.restsOn(f) {
		target, inFeed := p.byKey[key]
		if !inFeed || target.active && p.endangered(target) {
			return true
		}
	}
	return p.endangered(f)
}

func (p *Project) endangered(f flag) bool {
	for _, g := range f.dependencies() {
		if g.chained && len(g.chain) == 0 {
			return true
		}
	}
	return p.cyclic(f.key, f.key)
}

// restsOn is every flag that can change what f is. What an inactive
// flag rests on cannot: it is off.
func (p *Project) restsOn(f flag) map[string]bool {
	return p.collect(f, true, map[string]bool{})
}

// cyclic says that b can be reached from a, be it through inactive flags: no
// source says whether the server sees such a cycle.
func (p *Project) cyclic(a, b string) bool {
	return p.collect(p.byKey[a], false, map[string]bool{})[b]
}

func (p *Project) collect(f flag, activeOnly bool, into map[string]bool) map[string]bool {
	for _, g := range f.dependencies() {
		target, inFeed := p.byKey[g.key]
		if into[g.key] {
			continue
		}
		into[g.key] = true
		if inFeed && (target.active || !activeOnly) {
			p.collect(target, activeOnly, into)
		}
	}
	return into
}

// dependencies are the filters on other flags, in whatever condition.
func (f flag) dependencies() []filter {
	var result []filter
	for _, c := range f.conditions {
		for _, g := range c.filters {
			if g.kind == "flag" {
				result = append(result, g)
			}
		}
	}
	return result
}
