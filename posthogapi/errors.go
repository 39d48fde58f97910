package posthogapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// ErrNoKey is in the chain when a call needs a secret key and the client was
// made without one.
var ErrNoKey = errors.New("no secret key: set SecretKey to a project secret key (phs_…) or a personal API key (phx_…), or set SecretKeyFunc")

// ErrUnsendable is in the chain when a property or a group cannot be written as
// JSON. Nothing was sent.
var ErrUnsendable = errors.New("a property or group cannot be sent")

// Kind says what a failure means for the caller.
type Kind uint8

const (
	// Unreachable means that no whole answer came (DNS, dial, TLS, timeout,
	// cut off), or that no request could be sent. It is also the kind of any
	// error that is not a *StatusError.
	Unreachable Kind = iota
	// Unauthorized means that the token or the key is not valid (401).
	Unauthorized
	// Forbidden means that the key is valid but lacks the scope (403).
	Forbidden
	// QuotaLimited means that the project has used up its flag requests (402).
	QuotaLimited
	// RateLimited means too many requests in too short a time (429).
	RateLimited
	// Unavailable means that the server cannot answer for now (5xx, 408).
	Unavailable
	// Rejected means that the server refuses the request for another reason
	// (other 4xx).
	Rejected
	// NotPostHog means that what answered is not PostHog or not the endpoint
	// that was asked (a login page, a redirect to elsewhere, a path that is not
	// there).
	NotPostHog
	// TooLarge means that the body exceeds [Config.MaxBodyBytes].
	TooLarge
)

var kindNames = [...]string{
	Unreachable:  "unreachable",
	Unauthorized: "unauthorized",
	Forbidden:    "forbidden",
	QuotaLimited: "quota limited",
	RateLimited:  "rate limited",
	Unavailable:  "unavailable",
	Rejected:     "rejected",
	NotPostHog:   "not PostHog",
	TooLarge:     "too large",
}

// String is the kind in words, such as "quota limited".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// KindOf gives the kind of an error that [Client] returned, wrapped or not.
// An error without a *StatusError is Unreachable.
func KindOf(err error) Kind {
	if se, ok := errors.AsType[*StatusError](err); ok {
		return se.Kind
	}
	return Unreachable
}

// RetryAfter is how long the server asked to be left alone, zero if it did not.
func RetryAfter(err error) time.Duration {
	if se, ok := errors.AsType[*StatusError](err); ok {
		return se.RetryAfter
	}
	return 0
}

// StatusError is an answer that did not bring what was asked for.
type StatusError struct {
	StatusCode int
	Kind       Kind

	// Type and Code are PostHog's own ("quota_limited", "payment_required"),
	// empty unless the body is PostHog's JSON. Detail is its text, or else
	// the beginning of the body, one line, at most 200 bytes.
	Type, Code, Detail string

	// PostHog is true when the body is one that PostHog writes, and false
	// for the answer of a proxy or load balancer, whatever its status.
	PostHog bool

	// RetryAfter is how long the server asked to be left alone; zero when
	// it did not say. It is as the server said, without any bound.
	RetryAfter time.Duration
}

// Error is one line and never holds a key.
func (e *StatusError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "answer %d (%s)", e.StatusCode, e.Kind)
	if !e.PostHog && e.Kind != NotPostHog && e.Kind != TooLarge {
		b.WriteString(", not in PostHog's words")
	}
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %v)", e.RetryAfter)
	}
	return b.String()
}

func kindOfStatus(code int) Kind {
	switch {
	case code == http.StatusUnauthorized:
		return Unauthorized
	case code == http.StatusForbidden:
		return Forbidden
	case code == http.StatusPaymentRequired:
		return QuotaLimited
	case code == http.StatusTooManyRequests:
		return RateLimited
	case code >= 500, code == http.StatusRequestTimeout:
		return Unavailable
	case code >= 400 && code != http.StatusNotFound:
		return Rejected
	}
	return NotPostHog
}

// plainBodies are the beginnings of the errors that PostHog sends as text.
var plainBodies = []string{
	"A service dependency is temporarily unavailable.",
	"The request timed out.",
	"An internal server error occurred",
	"Failed to parse flag configuration data",
	"Failed to decode request:",
	"The distinct_id field is missing",
	"Evaluation pool busy",
}

// newStatusError reads the body of a failed answer. secret is cut out of
// whatever the body repeats: debugging proxies echo request headers.
func newStatusError(resp *http.Response, body []byte, secret string, now time.Time) *StatusError {
	e := &StatusError{
		StatusCode: resp.StatusCode,
		Kind:       kindOfStatus(resp.StatusCode),
		RetryAfter: parseRetryAfter(resp.Header, now),
	}
	var posthog struct {
		Type   string `json:"type"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	clean := func(s string) string {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[redacted]")
		}
		return oneLine(s)
	}
	if json.Unmarshal(body, &posthog) == nil && posthog.Type != "" && posthog.Code != "" {
		e.PostHog = true
		e.Type, e.Code, e.Detail = clean(posthog.Type), clean(posthog.Code), clean(posthog.Detail)
		if e.StatusCode == http.StatusNotFound {
			e.Kind = Rejected // what was asked about is not there
		}
		return e
	}
	text := string(body)
	for _, begin := range plainBodies {
		e.PostHog = e.PostHog || strings.HasPrefix(text, begin)
	}
	e.Detail = clean(text)
	return e
}

// oneLine makes the beginning of a body fit for a log line.
func oneLine(s string) string {
	const most = 200
	var b strings.Builder
	for field := range strings.FieldsSeq(strings.ToValidUTF8(s, "?")) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		for _, r := range field {
			if b.Len() > most {
				return b.String() + "…"
			}
			if unicode.IsPrint(r) {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}
