package engine

import "github.com/hogflags/hogflags/rules"

// appendAnswer adds what JavaScript knows of an answer to a list, whose end the
// caller adds. A payload is text that is JSON.
func appendAnswer(list []byte, a *rules.Answer, number uint32) []byte {
	separator := byte(',')
	if len(list) == 0 {
		separator = '['
	}
	return object(append(list, separator), func(o *members) {
		o.integer("number", int64(number))
		o.text("key", a.Key())
		o.text("status", a.Status.String()) // "decided", "inconclusive", "not found"
		o.flag("enabled", a.Enabled)
		o.value("value", a.Value())
		o.given("variant", a.Variant)
		o.given("payload", string(a.Payload()))
		o.flag("payloadKnown", a.PayloadKnown())
		o.given("reason", a.Reason.String())
		o.text("description", a.Description())
		if a.Status == rules.Decided && a.ConditionIndex >= 0 {
			o.integer("conditionIndex", int64(a.ConditionIndex))
		} else {
			o.null("conditionIndex")
		}
		o.integer("id", a.ID())
		o.integer("version", a.Version())
		o.flag("hasExperiment", a.HasExperiment())
		o.list("missing", len(a.Missing), func(b []byte, i int) []byte {
			m := a.Missing[i]
			return object(b, func(o *members) {
				o.text("kind", m.Kind.String())
				o.text("name", m.Name)
				o.nonempty("group", m.Group)
				o.text("text", m.String())
			})
		})
	})
}
