// Package flagswire writes the answer of POST /flags in its version 2, as
// PostHog's server does.
package flagswire

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/hogflags/hogflags/rules"
)

// Response is the answer for one subject.
type Response struct {
	Errors      bool                       `json:"errorsWhileComputingFlags"`
	Flags       map[string]json.RawMessage `json:"flags"`
	RequestID   string                     `json:"requestId"`
	EvaluatedAt int64                      `json:"evaluatedAt"` // epoch milliseconds
	Minimal     bool                       `json:"minimalFlagCalledEvents,omitempty"`
}

// New is an answer without flags to a request that came in at a time.
func New(req *http.Request, now time.Time) Response {
	return Response{Flags: map[string]json.RawMessage{}, RequestID: RequestID(req.Header), EvaluatedAt: now.UnixMilli()}
}

// Listed reports whether a flag is in an answer: inactive ones, and those that
// are not for the subject's runtime or contexts, are left out.
func Listed(a *rules.Answer) bool {
	return a.Status != rules.NotFound && a.Reason != rules.ReasonFlagDisabled
}

// Add adds a flag, if it is one to be listed. One that cannot be decided has
// failed.
func (r *Response) Add(a rules.Answer) {
	if Listed(&a) {
		r.Errors = r.Errors || a.Status == rules.Inconclusive
		r.Flags[a.Key()] = AppendFlag(nil, &a)
	}
}

// AppendFlag writes the answer for one flag. What of a reason is not known,
// although the value is, is empty.
func AppendFlag(b []byte, a *rules.Answer) []byte {
	b = append(b, `{"key":`...)
	b = AppendText(b, a.Key())
	b = append(b, `,"enabled":`...)
	b = strconv.AppendBool(b, a.Enabled)
	b = append(b, `,"variant":`...)
	if a.Variant == "" {
		b = append(b, `null`...)
	} else {
		b = AppendText(b, a.Variant)
	}
	b = append(b, `,"reason":{"code":`...)
	b = AppendText(b, a.Reason.String())
	b = append(b, `,"condition_index":`...)
	if a.ConditionIndex < 0 {
		b = append(b, `null`...)
	} else {
		b = strconv.AppendInt(b, int64(a.ConditionIndex), 10)
	}
	b = append(b, `,"description":`...)
	b = AppendText(b, a.Description())
	b = append(b, `},"metadata":{"id":`...)
	b = strconv.AppendInt(b, a.ID(), 10)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, a.Version(), 10)
	b = append(b, `,"description":null,"payload":`...)
	if payload := a.Payload(); payload != nil {
		b = append(b, payload...)
	} else {
		b = append(b, `null`...)
	}
	b = append(b, `,"has_experiment":`...)
	b = strconv.AppendBool(b, a.HasExperiment())
	b = append(b, '}')
	if a.Status == rules.Inconclusive {
		b = append(b, `,"failed":true`...)
	}
	return append(b, '}')
}

// AppendText writes a JSON string.
func AppendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(text) // a string does not fail
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// RequestID is the caller's, as PostHog takes it if it is a UUID, or a new one.
func RequestID(h http.Header) string {
	if id := h.Get("X-Request-Id"); isUUID(id) {
		return id
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	at := 0
	for i, part := range [...][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			text[at] = '-'
			at++
		}
		at += hex.Encode(text[at:], part)
	}
	return string(text[:])
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		dash := i == 8 || i == 13 || i == 18 || i == 23
		digit := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if dash != (c == '-') || !dash && !digit {
			return false
		}
	}
	return true
}
