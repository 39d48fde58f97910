package flagcache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Upstream is where definitions come from.
type Upstream interface {
	// Fetch asks for the definitions. A non-empty etag makes the request
	// conditional. It returns soon after ctx ends. An error that is or wraps an
	// [*UpstreamError] says more; any other counts as CauseUnreachable.
	Fetch(ctx context.Context, etag string) (Answer, error)
}

// Answer is what upstream said.
type Answer struct {
	NotModified bool   // the etag that was sent is still current; neither Body nor ETag need be set
	Body        []byte // the document, not changed after it was returned
	ETag        string // its validator; empty if upstream sent none

	// Follow, if not nil, reads upstream's stream of changes, calling changed soon
	// after each change, until the stream or ctx ends.
	Follow func(ctx context.Context, changed func()) error
}

// Cause is why upstream could not be read.
type Cause string

// The causes. Some may be the asking process's own, and another process may do
// better; the others would meet everybody.
const (
	CauseUnreachable  Cause = "unreachable"   // dial, DNS, TLS, time-out, or an answer that is not upstream's
	CauseUnauthorized Cause = "unauthorized"  // 401, 403: this process may have a revoked key
	CauseUnsaved      Cause = "unsaved"       // upstream answers, but this process cannot get it stored
	CauseUnfed        Cause = "unfed"         // of a reader: nobody leads, and nothing was confirmed for ten of its intervals
	CauseQuota        Cause = "quota_limited" // 402
	CauseRateLimited  Cause = "rate_limited"  // 429
	CauseUpstream     Cause = "upstream_down" // 5xx with upstream's own body
	CauseBadDocument  Cause = "bad_document"  // a document that cannot be used
)

// Local reports whether the cause may be the asking process's own.
func (c Cause) Local() bool {
	switch c {
	case CauseUnreachable, CauseUnauthorized, CauseUnsaved:
		return true
	}
	return false
}

// UpstreamError is an error of which the cause is known.
type UpstreamError struct {
	Cause      Cause
	RetryAfter time.Duration // as upstream asked; zero if it did not
	Err        error         // never contains a key
}

func (e *UpstreamError) Error() string { return fmt.Sprintf("%s: %v", e.Cause, e.Err) }

// Unwrap returns the underlying error.
func (e *UpstreamError) Unwrap() error { return e.Err }

// causeOf tells the cause and the wait that err asks for.
func causeOf(err error) (Cause, time.Duration) {
	var u *UpstreamError
	if errors.As(err, &u) && u.Cause != "" {
		return u.Cause, u.RetryAfter
	}
	return CauseUnreachable, 0
}
