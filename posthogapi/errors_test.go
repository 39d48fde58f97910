package posthogapi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestStatusErrors(t *testing.T) {
	tests := []struct {
		name    string
		failure posthogtest.Failure
		want    posthogapi.StatusError
	}{
		{"quota", posthogtest.Failure{Status: 402, RetryAfter: "3600"}, posthogapi.StatusError{
			StatusCode: 402, Kind: posthogapi.QuotaLimited, PostHog: true, RetryAfter: time.Hour,
			Type: "quota_limited", Code: "payment_required", Detail: "You have exceeded your feature flag request quota",
		}},
		{"key", posthogtest.Failure{Status: 401}, posthogapi.StatusError{
			StatusCode: 401, Kind: posthogapi.Unauthorized, PostHog: true,
			Type: "authentication_error", Code: "authentication_failed",
			Detail: "The provided API key is invalid or has expired. Please check your API key and try again.",
		}},
		{"scope", posthogtest.Failure{Status: 403}, posthogapi.StatusError{
			StatusCode: 403, Kind: posthogapi.Forbidden, PostHog: true,
			Type: "authentication_error", Code: "permission_denied",
			Detail: "Personal API key lacks required scopes (feature_flag:read or feature_flag:write).",
		}},
		{"rate", posthogtest.Failure{Status: 429}, posthogapi.StatusError{
			StatusCode: 429, Kind: posthogapi.RateLimited, PostHog: true,
			Type: "validation_error", Code: "rate_limit_exceeded", Detail: "Rate limit exceeded",
		}},
		{"dependency down", posthogtest.Failure{Status: 503}, posthogapi.StatusError{
			StatusCode: 503, Kind: posthogapi.Unavailable, PostHog: true,
			Detail: "A service dependency is temporarily unavailable. This is likely a temporary issue. Please try again later.",
		}},
		{"internal", posthogtest.Failure{Status: 500}, posthogapi.StatusError{
			StatusCode: 500, Kind: posthogapi.Unavailable, PostHog: true, Detail: "An internal server error occurred",
		}},
		{"unparsable at the server", posthogtest.Failure{Status: 500, Body: "Failed to parse flag configuration data: x"}, posthogapi.StatusError{
			StatusCode: 500, Kind: posthogapi.Unavailable, PostHog: true, Detail: "Failed to parse flag configuration data: x",
		}},
		{"timeout at the server", posthogtest.Failure{Status: 503, Body: "The request timed out. This could be due to high load."}, posthogapi.StatusError{
			StatusCode: 503, Kind: posthogapi.Unavailable, PostHog: true, Detail: "The request timed out. This could be due to high load.",
		}},
		{"proxy's 502", posthogtest.Failure{Status: 502, Body: "<html>\n <h1>502 Bad\tGateway</h1>\x00\x1b[31m\n", RetryAfter: "5"}, posthogapi.StatusError{
			StatusCode: 502, Kind: posthogapi.Unavailable, RetryAfter: 5 * time.Second, Detail: "<html> <h1>502 Bad Gateway</h1>[31m",
		}},
		{"proxy's 403", posthogtest.Failure{Status: 403, Body: `{"message":"blocked"}`}, posthogapi.StatusError{
			StatusCode: 403, Kind: posthogapi.Forbidden, Detail: `{"message":"blocked"}`,
		}},
		{"proxy's 407", posthogtest.Failure{Status: 407}, posthogapi.StatusError{
			StatusCode: 407, Kind: posthogapi.Rejected, Detail: "Proxy Authentication Required",
		}},
		{"proxy's 408", posthogtest.Failure{Status: 408}, posthogapi.StatusError{
			StatusCode: 408, Kind: posthogapi.Unavailable, Detail: "Request Timeout",
		}},
		{"long body", posthogtest.Failure{Status: 504, Body: strings.Repeat("x", 100_000)}, posthogapi.StatusError{
			StatusCode: 504, Kind: posthogapi.Unavailable, Detail: strings.Repeat("x", 201) + "…",
		}},
		{"no content", posthogtest.Failure{Status: 204}, posthogapi.StatusError{
			StatusCode: 204, Kind: posthogapi.NotPostHog,
		}},
	}
	srv := posthogtest.New(t)
	c := newClient(t, posthogapi.Config{Host: srv.URL, HTTPClient: srv.Client()})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv.Fail(tt.failure)
			_, err := c.Definitions(t.Context(), "")
			got, ok := errors.AsType[*posthogapi.StatusError](err)
			if !ok {
				t.Fatalf("got %v, want a *StatusError", err)
			}
			if diff := cmp.Diff(*got, tt.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
			if strings.ContainsAny(err.Error(), "\n\x00\x1b") || !strings.Contains(err.Error(), got.Kind.String()) {
				t.Errorf("got %q, want one printable line that names the kind", err)
			}
		})
	}
}

func TestHelpersOnOtherErrors(t *testing.T) {
	err := errors.New("no route to host")
	if got := posthogapi.KindOf(err); got != posthogapi.Unreachable {
		t.Errorf("KindOf = %v, want Unreachable", got)
	}
	if got := posthogapi.RetryAfter(err); got != 0 {
		t.Errorf("RetryAfter = %v, want 0", got)
	}
	limited := &posthogapi.StatusError{StatusCode: http.StatusTooManyRequests, RetryAfter: time.Minute}
	if got := posthogapi.RetryAfter(limited); got != time.Minute {
		t.Errorf("RetryAfter = %v, want 1m", got)
	}
}
