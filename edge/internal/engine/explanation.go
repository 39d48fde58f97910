package engine

import (
	"github.com/hogflags/hogflags/internal/answerjson"
	"github.com/hogflags/hogflags/rules"
)

// appendExplanation writes an explanation in the form of answerjson, which the
// command line has, too.
func appendExplanation(b []byte, e *rules.Explanation) []byte {
	if e == nil {
		return append(b, "null"...)
	}
	return object(b, func(o *members) {
		o.raw("answer", explainedAnswer(&e.Answer))
		if e.EarlyAccess != nil {
			o.raw("early_access", appendFilter(nil, e.EarlyAccess))
		}
		o.bucket("holdout", e.Holdout)
		o.list("conditions", len(e.Conditions), func(b []byte, i int) []byte {
			c := &e.Conditions[i]
			return object(b, func(o *members) {
				o.integer("index", int64(c.Index))
				o.text("aggregation", c.Aggregation)
				o.number("rollout_percentage", c.Percentage)
				o.filters("filters", c.Filters)
				o.truth("outcome", c.Outcome)
				o.bucket("rollout", c.Rollout)
				o.bucket("variant", c.Variant)
				o.nonempty("pinned_variant", c.Pinned)
				o.nonempty("note", c.Note)
			})
		})
		o.text("stop", e.Stop)
	})
}

func explainedAnswer(answer *rules.Answer) []byte {
	a := answerjson.New(*answer)
	return object(nil, func(o *members) {
		o.text("status", a.Status)
		o.value("value", a.Value)
		o.raw("payload", a.Payload)
		if a.PayloadKnown != nil {
			o.flag("payload_known", *a.PayloadKnown)
		}
		if a.Reason != nil {
			o.text("reason", *a.Reason)
		} else {
			o.null("reason")
		}
		if a.ConditionIndex != nil {
			o.integer("condition_index", int64(*a.ConditionIndex))
		} else {
			o.null("condition_index")
		}
		if len(a.Missing) > 0 {
			o.texts("missing", a.Missing)
		}
	})
}

func (o *members) filters(name string, filters []rules.FilterTrace) {
	o.list(name, len(filters), func(b []byte, i int) []byte { return appendFilter(b, &filters[i]) })
}

func appendFilter(b []byte, f *rules.FilterTrace) []byte {
	return object(b, func(o *members) {
		o.text("type", f.Type)
		o.text("key", f.Key)
		o.nonempty("operator", f.Operator)
		o.nonempty("group", f.Group)
		o.nonempty("value", f.Value)
		if f.Present {
			o.text("seen", f.Seen)
		} else {
			o.null("seen")
		}
		o.truth("outcome", f.Outcome)
		if f.Negated {
			o.flag("negated", true)
		}
		o.nonempty("note", f.Note)
		if len(f.Children) > 0 {
			o.filters("children", f.Children)
		}
		if f.Flag != nil {
			o.raw("flag", appendExplanation(nil, f.Flag))
		}
	})
}

// bucket is left out if there is none.
func (o *members) bucket(name string, t *rules.BucketTrace) {
	if t == nil {
		return
	}
	o.raw(name, object(nil, func(o *members) {
		o.text("identifier", t.Identifier)
		o.number("hash", t.Hash)
		o.number("percentage", t.Percentage)
		o.truth("outcome", t.Outcome)
		o.nonempty("variant", t.Variant)
		o.nonempty("note", t.Note)
	}))
}

func (o *members) truth(name string, t rules.Truth) {
	if t == rules.Unknown {
		o.null(name)
		return
	}
	o.flag(name, t == rules.True)
}
