package flagcache_test

import (
	"errors"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestPostHog(t *testing.T) {
	server := posthogtest.New(t)
	client, err := posthogapi.New(posthogapi.Config{
		Host: server.URL, ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	up := flagcache.PostHog(client)
	first, err := up.Fetch(t.Context(), "")
	if err != nil || first.NotModified || len(first.Body) == 0 || first.ETag == "" {
		t.Fatalf("first answer %+v, %v", first, err)
	}
	if again, err := up.Fetch(t.Context(), first.ETag); err != nil || !again.NotModified {
		t.Errorf("second answer %+v, %v, want not modified", again, err)
	}
	for name, test := range map[string]struct {
		failure posthogtest.Failure
		want    flagcache.Cause
	}{
		"unauthorized": {posthogtest.Failure{Status: 401}, flagcache.CauseUnauthorized},
		"forbidden":    {posthogtest.Failure{Status: 403}, flagcache.CauseUnauthorized},
		"quota":        {posthogtest.Failure{Status: 402}, flagcache.CauseQuota},
		"rate limited": {posthogtest.Failure{Status: 429, RetryAfter: "7"}, flagcache.CauseRateLimited},
		"down":         {posthogtest.Failure{Status: 503}, flagcache.CauseUpstream},
		"proxy":        {posthogtest.Failure{Status: 503, Body: "<html>Bad gateway</html>"}, flagcache.CauseUnreachable},
		"cut off":      {posthogtest.Failure{Cut: true}, flagcache.CauseUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			server.Fail(test.failure)
			defer server.Recover()
			_, err := up.Fetch(t.Context(), "")
			failure, ok := errors.AsType[*flagcache.UpstreamError](err)
			if !ok || failure.Cause != test.want {
				t.Fatalf("error %v, want the cause %s", err, test.want)
			}
			if want := 7 * time.Second; test.failure.RetryAfter != "" && failure.RetryAfter != want {
				t.Errorf("retry after %v, want %v", failure.RetryAfter, want)
			}
		})
	}
}
