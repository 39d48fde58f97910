package relay

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/hogflags/hogflags/internal/flagswire"
	"github.com/hogflags/hogflags/rules"
)

// answer is what the relay says of a subject's flags.
type answer struct {
	local  []rules.Answer // decided here
	open   []rules.Answer // not decided here
	remote []remoteFlag   // PostHog's answers for open ones, and what they depend on

	asked       bool // PostHog was
	errors      bool
	minimal     bool
	requestID   string
	evaluatedAt time.Time
}

// collect takes what came of evaluating: flags for others, and those that are
// not active, are not in an answer of PostHog's.
func (o *answer) collect(answers []rules.Answer) {
	o.local = answers[:0]
	for i := range answers {
		switch a := &answers[i]; {
		case !flagswire.Listed(a):
		case a.Status == rules.Decided && a.PayloadKnown():
			o.local = keepInPlace(answers, len(o.local), i)
		default:
			o.open = append(o.open, *a)
		}
	}
}

// keepInPlace keeps answer i behind the n that are kept. Most stand there already.
func keepInPlace(answers []rules.Answer, n, i int) []rules.Answer {
	if n < i {
		answers[n] = answers[i]
	}
	return answers[:n+1]
}

// by says who made the answer, as a header.
func (o *answer) by() []string {
	if o.asked {
		return byMerged
	}
	return byLocal
}

// failed are the open flags that PostHog did not answer for, either.
func (o *answer) failed() []rules.Answer {
	if len(o.remote) == 0 {
		return o.open
	}
	return slices.DeleteFunc(slices.Clone(o.open), func(a rules.Answer) bool {
		return slices.ContainsFunc(o.remote, func(f remoteFlag) bool { return f.key == a.Key() })
	})
}

// settle leaves out what PostHog left out.
func (o *answer) settle() {
	o.open = slices.DeleteFunc(o.open, func(a rules.Answer) bool {
		return !slices.ContainsFunc(o.remote, func(f remoteFlag) bool { return f.key == a.Key() })
	})
}

// encode appends the body in a version to b.
func (o *answer) encode(b []byte, s shape, d *document) []byte {
	failed := o.failed()
	b = slices.Grow(b, 256+320*(len(o.local)+len(failed))+400*len(o.remote))
	b = append(b, `{"errorsWhileComputingFlags":`...)
	b = strconv.AppendBool(b, o.errors || len(failed) > 0)
	if s == shapeV1 {
		b = o.appendV1(b)
	} else {
		b = o.appendV2(b, failed, d)
	}
	b = append(b, `,"requestId":"`...)
	b = append(b, o.requestID...)
	b = append(b, `","evaluatedAt":`...)
	b = strconv.AppendInt(b, o.evaluatedAt.UnixMilli(), 10)
	if o.minimal && s == shapeV2 {
		b = append(b, `,"minimalFlagCalledEvents":true`...)
	}
	return append(b, '}')
}

func (o *answer) appendV2(b []byte, failed []rules.Answer, d *document) []byte {
	b = append(b, `,"flags":{`...)
	for i := range o.local {
		b, _ = d.inFlags.append(b, &o.local[i])
		b = append(b, ',')
	}
	for i := range o.remote {
		b = append(flagswire.AppendText(b, o.remote[i].key), ':')
		b = append(append(b, o.remote[i].raw...), ',')
	}
	for i := range failed {
		b = append(appendNamed(b, &failed[i]), ',')
	}
	return append(withoutComma(b), '}')
}

// withoutComma takes back the comma after the last one of a list.
func withoutComma(b []byte) []byte { return bytes.TrimSuffix(b, []byte(",")) }

// appendNamed writes a flag with its name before it.
func appendNamed(b []byte, a *rules.Answer) []byte {
	b = append(flagswire.AppendText(b, a.Key()), ':')
	return flagswire.AppendFlag(b, a)
}

// appendV1 writes values and payloads. A flag that failed is in neither: this
// version cannot say so, and off would be a wrong answer.
func (o *answer) appendV1(b []byte) []byte {
	values, payloads := []byte(`,"featureFlags":{`), []byte(`,"featureFlagPayloads":{`)
	add := func(to []byte, key string) []byte {
		if to[len(to)-1] != '{' {
			to = append(to, ',')
		}
		return append(flagswire.AppendText(to, key), ':')
	}
	put := func(key, variant string, enabled bool, payload []byte) {
		values = add(values, key)
		if variant != "" {
			values = flagswire.AppendText(values, variant)
		} else {
			values = strconv.AppendBool(values, enabled)
		}
		if len(payload) > 0 && string(payload) != "null" {
			payloads = append(add(payloads, key), payload...)
		}
	}
	for i := range o.local {
		a := &o.local[i]
		put(a.Key(), a.Variant, a.Enabled, a.Payload())
	}
	for i := range o.remote {
		if f := &o.remote[i]; !f.failed {
			put(f.key, f.variant, f.enabled, f.payload)
		}
	}
	b = append(append(b, values...), '}')
	return append(append(b, payloads...), '}')
}
