package flagcache

import (
	"context"
	"errors"

	"github.com/hogflags/hogflags/posthogapi"
)

// PostHog is an upstream that asks PostHog itself, or a relay in its place.
func PostHog(client *posthogapi.Client) Upstream { return postHog{client} }

type postHog struct{ client *posthogapi.Client }

func (p postHog) Fetch(ctx context.Context, etag string) (Answer, error) {
	d, err := p.client.Definitions(ctx, etag)
	if err != nil {
		return Answer{}, &UpstreamError{Cause: causeOfKind(err), RetryAfter: posthogapi.RetryAfter(err), Err: err}
	}
	a := Answer{NotModified: d.NotModified, Body: d.Body, ETag: d.ETag}
	if d.Streams {
		a.Follow = p.client.FollowChanges
	}
	return a, nil
}

// causeOfKind tells what would meet every process from what may be this
// one's own: an answer that is not in PostHog's words is a proxy's, and another
// process may have another way.
func causeOfKind(err error) Cause {
	status, ok := errors.AsType[*posthogapi.StatusError](err)
	if !ok {
		return CauseUnreachable
	}
	switch status.Kind {
	case posthogapi.Unauthorized, posthogapi.Forbidden:
		return CauseUnauthorized
	case posthogapi.QuotaLimited:
		return CauseQuota
	case posthogapi.RateLimited:
		return CauseRateLimited
	case posthogapi.TooLarge:
		return CauseBadDocument
	case posthogapi.Unavailable:
		if status.PostHog {
			return CauseUpstream
		}
	}
	return CauseUnreachable
}
