package engine

import "github.com/hogflags/hogflags/rules"

// catalogOf describes the flags of a set as JSON.
func catalogOf(set *rules.Set) []byte {
	flags := set.Traits()
	return object(nil, func(o *members) {
		o.list("flags", len(flags), func(b []byte, i int) []byte {
			f := &flags[i]
			return object(b, func(o *members) {
				o.text("key", f.Key)
				o.flag("active", f.Active)
				o.flag("continuity", f.Continuity)
				o.flag("variants", f.Variants)
				o.text("runtime", f.Runtime)
				o.texts("needs", f.Needs)
			})
		})
		o.flag("minimal", set.MinimalFlagCalledEvents()) // slim $feature_flag_called events are asked for
	})
}
