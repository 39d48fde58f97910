package relay

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/hogflags/hogflags/internal/flagswire"
	"github.com/hogflags/hogflags/internal/openfeature"
	"github.com/hogflags/hogflags/rules"
)

// collectOFREP is collect for OpenFeature, to which also a flag that is switched
// off is an answer. A flag that is not in the feed PostHog may still have.
func (o *answer) collectOFREP(answers []rules.Answer, policy Remote, d *document) {
	o.local = answers[:0]
	for i := range answers {
		switch a := &answers[i]; {
		case a.Status == rules.NotFound && d != nil && d.feed.has(a.Key()): // for others
		case a.Status == rules.Decided && policy != RemoteAlways:
			o.local = keepInPlace(answers, len(o.local), i)
		case a.Status == rules.NotFound && policy == RemoteNever:
		default:
			o.open = append(o.open, *a)
		}
	}
}

// resolution is what is said of one flag.
type resolution struct {
	key      string
	enabled  bool
	variant  string
	reason   string // PostHog's
	id       int64
	version  int64
	payload  []byte // JSON, as PostHog stores it
	local    bool
	variants bool // the flag has variants to be on with
}

// resolved is what was decided here.
func resolved(a *rules.Answer, d *document) resolution {
	return resolution{
		key: a.Key(), enabled: a.Enabled, variant: a.Variant, reason: a.Reason.String(), id: a.ID(), version: a.Version(),
		payload: a.Payload(), local: true, variants: d.feed.variants[a.Key()],
	}
}

// appendTo writes the flag's members of an answer, without braces. revision is
// empty where the whole answer says it.
//
// A flag with variants that is off has no value: that is the code's default,
// which is of the right type.
func (r *resolution) appendTo(b []byte, revision string) []byte {
	b = flagswire.AppendText(append(b, `"key":`...), r.key)
	switch {
	case r.variant != "":
		b = flagswire.AppendText(append(b, `,"value":`...), r.variant)
	case r.enabled:
		b = append(b, `,"value":true`...)
	case !r.variants:
		b = append(b, `,"value":false`...)
	}
	b = append(b, `,"reason":"`...)
	b = append(b, openfeature.Reason(r.enabled, r.reason)...)
	b = append(b, '"')
	if r.variant != "" {
		b = flagswire.AppendText(append(b, `,"variant":`...), r.variant)
	}
	b = append(b, `,"metadata":{"`+openfeature.MetaLocal+`":`...)
	b = strconv.AppendBool(b, r.local)
	if r.id != 0 {
		b = strconv.AppendInt(append(b, `,"`+openfeature.MetaID+`":`...), r.id, 10)
	}
	if r.version != 0 {
		b = strconv.AppendInt(append(b, `,"`+openfeature.MetaVersion+`":"`...), r.version, 10)
		b = append(b, '"')
	}
	if r.reason != "" {
		b = flagswire.AppendText(append(b, `,"`+openfeature.MetaReason+`":`...), r.reason)
	}
	if r.local && revision != "" {
		b = append(append(append(b, `,"`+openfeature.MetaRevision+`":"`...), revision...), '"')
	}
	if len(r.payload) > 0 {
		b = append(b, `,"`+openfeature.MetaPayload+`":`...)
		if r.payload[0] == '"' {
			b = append(b, r.payload...) // its text is JSON
		} else {
			b = flagswire.AppendText(b, string(r.payload))
		}
	}
	return append(b, '}')
}

// unresolved says why a flag has no answer.
func unresolved(a *rules.Answer, asked bool) string {
	var missing []string
	for i := range a.Missing {
		missing = append(missing, a.Missing[i].String())
	}
	text := "not decided from the definitions"
	if len(missing) > 0 {
		text += ", for want of " + strings.Join(missing, ", ")
	}
	if asked {
		return text + ", and PostHog did not answer for it"
	}
	return text + ", and PostHog is not asked"
}

// byPostHog is PostHog's answer for an open flag.
func (o *answer) byPostHog(key string, d *document) (r resolution, ok bool) {
	for i := range o.remote {
		if f := &o.remote[i]; f.key == key && !f.failed {
			r = f.resolution
			r.variants = d != nil && d.feed.variants[key]
			return r, true
		}
	}
	return r, false
}

// appendSingle writes the answer for the one flag that was asked for.
func (o *answer) appendSingle(b []byte, key string, d *document) (int, []byte) {
	if len(o.local) == 1 {
		r := resolved(&o.local[0], d)
		return http.StatusOK, append(r.appendTo(append(b, '{'), d.revisionText), '}')
	}
	status, e := http.StatusNotFound, ofrepError{key, codeFlagNotFound, "there is no such flag"}
	if len(o.open) == 1 {
		if r, ok := o.byPostHog(key, d); ok {
			return http.StatusOK, append(r.appendTo(append(b, '{'), ""), '}')
		}
		status, e.Code, e.Details = http.StatusBadRequest, codeGeneral, unresolved(&o.open[0], o.asked)
	}
	text, _ := json.Marshal(e) // strings do not fail
	return status, append(b, text...)
}

// appendBulk writes the answer for all flags, and sums it up. Flags without an
// answer are in it with their error.
func (o *answer) appendBulk(b []byte, token string, d *document) (body []byte, sum uint64) {
	const odd = 0x9e3779b97f4a7c15 // spreads the bits, so that the order counts
	b = append(b, `{"flags":[`...)
	for i := range o.local {
		var of uint64
		b, of = d.inBulk.append(b, &o.local[i])
		sum = (sum ^ of) * odd
		b = append(b, ',')
	}
	rest := len(b)
	for i := range o.open {
		b = append(b, '{')
		if r, ok := o.byPostHog(o.open[i].Key(), d); ok {
			b = r.appendTo(b, "")
		} else {
			b = flagswire.AppendText(append(b, `"key":`...), o.open[i].Key())
			b = append(b, `,"errorCode":"`+codeGeneral+`","errorDetails":`...)
			b = flagswire.AppendText(b, unresolved(&o.open[i], o.asked))
		}
		b = append(b, "},"...)
	}
	b = withoutComma(b)
	b = append(b, `],"eventStreams":[{"type":"sse","endpoint":{"requestUri":"`+ofrepEvents+`?token=`...)
	b = append(append(append(b, url.QueryEscape(token)...), `&since=`...), d.revisionText...)
	b = append(b, `"},"inactivityDelaySec":120}],"metadata":{"revision":"`...)
	b = append(append(b, d.revisionText...), `"}}`...)
	return b, (sum ^ xxhash.Sum64(b[rest:])) * odd
}
