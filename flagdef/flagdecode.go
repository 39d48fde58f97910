package flagdef

import "strconv"

func (d *decoder) flags(defs *Definitions) {
	d.in("flags", func() {
		d.each(func(int) {
			f := d.flag()
			p := d.takeProblem()
			if f.Key == "" {
				if p == nil {
					p = &Problem{Path: d.pathString() + ".key", What: "a flag needs a key"}
				}
				defs.Problems = append(defs.Problems, p)
				return
			}
			if p != nil {
				p.Flag = f.Key
				f.Problem = p
			}
			defs.Flags = append(defs.Flags, f)
		})
	})
}

func (d *decoder) flag() Flag {
	f := Flag{Aggregation: Person}
	if k := kindOf(d.Peek()); k != Object {
		d.skip()
		d.fail(wanted(Object, k))
		return f
	}
	active := false
	for d.Open(); !d.Close(); {
		switch string(d.member()) {
		case "key":
			f.Key, _ = d.str("key")
		case "id":
			f.ID, _ = d.integer("id")
		case "version":
			f.Version, _ = d.integer("version")
		case "active":
			active = true
			f.Active = d.boolean("active")
		case "deleted":
			f.Deleted = d.boolean("deleted")
		case "has_experiment":
			f.ExperimentKnown = kindOf(d.Peek()) != Null
			f.HasExperiment = d.boolean("has_experiment")
		case "ensure_experience_continuity":
			f.Continuity = d.boolean("ensure_experience_continuity")
		case "has_encrypted_payloads":
			f.EncryptedPayloads = d.boolean("has_encrypted_payloads")
		case "bucketing_identifier":
			f.ByDevice = d.oneOf("bucketing_identifier", "distinct_id", "device_id") == "device_id"
		case "evaluation_runtime":
			f.Runtime = d.oneOf("evaluation_runtime", "all", "client", "server")
		case "evaluation_contexts", "evaluation_tags":
			d.in("evaluation_contexts", func() { f.Contexts = d.strings() })
		case "evaluation_contexts_match_mode":
			mode, ok := d.str("evaluation_contexts_match_mode")
			f.MatchAll = ok && mode != "any"
		case "filters":
			d.in("filters", func() { d.filters(&f) })
		default:
			d.skip()
		}
	}
	if !active {
		d.failAt("active", "a flag must say whether it is active")
	}
	for i := range f.Conditions {
		if c := &f.Conditions[i]; !c.ownAggregation {
			c.Aggregation = f.Aggregation
		}
	}
	return f
}

// oneOf reads a string that has a meaning only if it is one of those known;
// null stands for "".
func (d *decoder) oneOf(name string, known ...string) string {
	s, ok := d.str(name)
	if !ok {
		return ""
	}
	for _, k := range known {
		if s == k {
			return s
		}
	}
	d.failAt(name, "unknown value "+excerpt(Value(s)))
	return ""
}

func (d *decoder) strings() (list []string) {
	d.each(func(int) {
		v := d.skip()
		if k := v.Kind(); k != String {
			d.fail(wanted(String, k))
			return
		}
		list = append(list, v.Text())
	})
	return list
}

func (d *decoder) filters(f *Flag) {
	if !d.object() {
		return
	}
	for !d.Close() {
		switch string(d.member()) {
		case "groups":
			start := len(d.conditionArena)
			d.in("groups", func() {
				d.each(func(int) { d.conditionArena = append(d.conditionArena, d.condition()) })
			})
			f.Conditions = part(d.conditionArena, start)
		case "multivariate":
			d.in("multivariate", func() { f.Variants = d.multivariate() })
		case "payloads":
			d.in("payloads", func() { f.Payloads = d.payloads() })
		case "aggregation_group_type_index":
			f.Aggregation, _ = d.aggregation()
		case "feature_enrollment":
			f.FeatureEnrollment = d.boolean("feature_enrollment")
		case "early_exit":
			f.EarlyExit = d.boolean("early_exit")
		case "holdout":
			d.in("holdout", func() { f.Holdout = d.holdout() })
		case "version":
			// Version 2 is a format of rules that never reaches this feed; if it
			// did, reading it as version 1 would give wrong answers.
			if n, ok := d.integer("version"); ok && n != 1 {
				d.failAt("version", "this version of the filters is not known")
			}
		default:
			d.skip()
		}
	}
}

func (d *decoder) condition() Condition {
	c := Condition{Percentage: 100, Aggregation: Person}
	if !d.object() {
		d.fail("a condition must be an object")
		return c
	}
	for !d.Close() {
		switch string(d.member()) {
		case "properties":
			start := len(d.filterArena)
			d.in("properties", func() {
				d.each(func(int) { d.filterArena = append(d.filterArena, d.filter()) })
			})
			c.Filters = part(d.filterArena, start)
		case "rollout_percentage":
			if x, ok := d.number("rollout_percentage"); ok {
				c.Percentage = x
			}
		case "variant":
			c.Variant, _ = d.str("variant")
		case "aggregation_group_type_index":
			c.Aggregation, _ = d.aggregation()
			c.ownAggregation = true
		default:
			d.skip()
		}
	}
	return c
}

// part is what has been appended to an arena since it had the length start.
func part[T any](arena []T, start int) []T {
	if len(arena) == start {
		return nil
	}
	return arena[start:len(arena):len(arena)]
}

// aggregation reads a group type index; null is Person.
func (d *decoder) aggregation() (index int, ok bool) {
	const name = "aggregation_group_type_index"
	n, ok := d.integer(name)
	if !ok {
		return Person, false
	}
	if n < 0 {
		d.failAt(name, "a group type index cannot be negative")
	}
	return int(n), true
}

func (d *decoder) multivariate() (variants []Variant) {
	if !d.object() {
		return nil
	}
	for !d.Close() {
		if string(d.member()) != "variants" {
			d.skip()
			continue
		}
		d.in("variants", func() {
			d.each(func(int) { variants = append(variants, d.variant()) })
			if len(variants) > MaxVariants {
				d.fail(strconv.Itoa(len(variants)) + " variants are more than " + strconv.Itoa(MaxVariants))
			}
		})
	}
	return variants
}

func (d *decoder) variant() (v Variant) {
	if !d.object() {
		d.fail("a variant must be an object")
		return v
	}
	complete := 0
	for !d.Close() {
		switch string(d.member()) {
		case "key":
			key, ok := d.str("key")
			v.Key = key
			complete += count(ok)
		case "rollout_percentage":
			x, ok := d.number("rollout_percentage")
			v.Percentage = x
			complete += count(ok)
		default:
			d.skip()
		}
	}
	if complete < 2 || v.Key == "" {
		d.fail("a variant needs a key and a rollout_percentage")
	}
	return v
}

func count(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

func (d *decoder) payloads() (payloads []Payload) {
	if kindOf(d.Peek()) != Object {
		d.skip() // anything else holds no payloads
		return nil
	}
	for d.Open(); !d.Close(); {
		key := d.intern(d.Name())
		if v := d.skip(); !v.IsNull() {
			payloads = append(payloads, Payload{key, v})
		}
	}
	return payloads
}

func (d *decoder) holdout() *Holdout {
	if !d.object() {
		return nil
	}
	var h Holdout
	complete := 0
	for !d.Close() {
		switch string(d.member()) {
		case "id":
			id, ok := d.integer("id")
			h.ID = id
			complete += count(ok)
		case "exclusion_percentage":
			x, ok := d.number("exclusion_percentage")
			h.Percentage = x
			complete += count(ok)
		default:
			d.skip()
		}
	}
	if complete < 2 {
		d.fail("a holdout needs an id and an exclusion_percentage")
	}
	return &h
}
