package posthogtransport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/loader"
)

var errOtherProject = errors.New("hogflags: the posthog-go client is for another project than the hogflags client: give both the same project token")

// definitions answers a request for definitions.
func (t *transport) definitions(req *http.Request) (*http.Response, error) {
	if req.URL.Query().Get("token") != t.client.ProjectToken() {
		return nil, errOtherProject
	}
	ctx, cancel := inTime(req.Context())
	defer cancel()
	held := req.Header.Get("If-None-Match")
	if t.polls.early(held != "") {
		// Its failure is the client's, who logs it; what is held is served.
		_ = t.client.ReloadFeatureFlags(ctx)
	}
	defs, err := t.wait(ctx)
	if err != nil {
		status := statusOf(err)
		return answer(req, status, fmt.Sprintf("%d %s: hogflags: %v", status, http.StatusText(status), err), http.Header{}, nil), nil
	}
	status := t.client.Status()
	if status.Cleared { // as the client answers for no flag, posthog-go shall not
		return answer(req, http.StatusPaymentRequired, "", http.Header{}, nil), nil
	}
	if t.evaluate || status.Expired {
		defs = t.deferAll(defs)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if defs.ETag != "" {
		header.Set("ETag", defs.ETag)
		if held == defs.ETag {
			return answer(req, http.StatusNotModified, "", header, nil), nil
		}
	}
	return answer(req, http.StatusOK, "", header, defs.Body), nil
}

// inTime leaves posthog-go half of its time to take the answer: one that comes
// too late is none.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}

// glance is how long the client's first request is waited for between two looks
// at whether it has failed.
const glance = 50 * time.Millisecond

// wait returns the client's definitions, the first as soon as they are there.
func (t *transport) wait(ctx context.Context) (hogflags.Definitions, error) {
	for {
		defs, err := t.client.Definitions()
		if err == nil {
			return defs, nil
		}
		short, cancel := context.WithTimeout(ctx, glance)
		ready := t.client.WaitUntilReady(short)
		cancel()
		if ready != nil && (ctx.Err() != nil || t.client.Status().State != loader.Loading) {
			return defs, err
		}
	}
}

// statusOf is what PostHog would have answered, as far as posthog-go makes a
// difference.
func statusOf(err error) int {
	if u, ok := errors.AsType[*flagcache.UpstreamError](err); ok {
		switch u.Cause {
		case flagcache.CauseQuota:
			return http.StatusPaymentRequired
		case flagcache.CauseUnauthorized:
			return http.StatusUnauthorized
		case flagcache.CauseRateLimited:
			return http.StatusTooManyRequests
		}
	}
	return http.StatusServiceUnavailable
}
