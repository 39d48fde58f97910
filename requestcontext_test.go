package hogflags_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestMiddleware(t *testing.T) {
	srv := newServer(t)
	c, to := reporting(t, srv, nil)
	handler := hogflags.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if on, err := c.IsFeatureEnabled(r.Context(), "on", hogflags.Subject{}); !on || err != nil {
			t.Errorf("got %v, %v", on, err)
		}
		e, err := c.EvaluateFlags(r.Context(), hogflags.Subject{}, hogflags.OnlyEvaluateLocally())
		if err != nil || e.Variant("checkout") != "fast" {
			t.Errorf("got %v, %v", e.Variant("checkout"), err)
		}
		_, _ = c.GetFeatureFlag(r.Context(), "off", hogflags.Subject{DistinctID: "somebody else"})
	}))
	req := httptest.NewRequest("GET", "/", nil)
	req.Header.Set("X-PostHog-Distinct-Id", "\x00 ada\n\u0085 ")
	req.Header.Set("X-PostHog-Session-Id", "s-1")
	handler.ServeHTTP(httptest.NewRecorder(), req)
	got := to.take()
	if len(got) != 3 || got[0].DistinctID != "ada" || got[1].DistinctID != "ada" || got[2].DistinctID != "somebody else" {
		t.Fatalf("got %+v", got)
	}
	for _, e := range got {
		if e.Properties["$session_id"] != "s-1" {
			t.Errorf("got %v, want the session", e.Properties)
		}
	}
}

func TestRequestContextIsSanitized(t *testing.T) {
	for in, want := range map[string]string{
		"ada": "ada", "": "", " \t ": "", "a\r\nb\x7f": "ab", "\xff\xfeada": "ada", "ä b": "ä b",
		strings.Repeat("ä", 1001): strings.Repeat("ä", 1000), strings.Repeat("x", 1000): strings.Repeat("x", 1000),
	} {
		ctx := hogflags.WithRequestContext(t.Context(), hogflags.RequestContext{DistinctID: in, SessionID: in})
		rc, ok := hogflags.RequestContextFrom(ctx)
		if !ok || rc.DistinctID != want || rc.SessionID != want {
			t.Errorf("%q: got %+v, want %q", in, rc, want)
		}
	}
	if _, ok := hogflags.RequestContextFrom(t.Context()); ok {
		t.Error("a context without a request has one")
	}
}

// A request asks PostHog once for a flag, and its snapshots are the same.
func TestRequestSharesEvaluations(t *testing.T) {
	srv := newServer(t)
	c := newClient(t, srv, remoteOnly)
	ctx := hogflags.WithRequestContext(t.Context(), hogflags.RequestContext{DistinctID: "ada"})
	counts := func(want int, step string) {
		t.Helper()
		if got := len(asked(t, srv)); got != want {
			t.Errorf("%s: %d requests so far, want %d", step, got, want)
		}
	}
	first, err := c.EvaluateFlags(ctx, pro("ada"), hogflags.FlagKeys("beta"))
	if err != nil {
		t.Fatal(err)
	}
	counts(1, "the first snapshot")
	if again, _ := c.EvaluateFlags(ctx, pro(""), hogflags.FlagKeys("beta")); again != first {
		t.Error("an equal question has another snapshot")
	}
	if on, err := c.IsFeatureEnabled(ctx, "beta", pro("ada")); !on || err != nil {
		t.Errorf("got %v, %v", on, err)
	}
	counts(1, "the same again")
	if on, err := c.IsFeatureEnabled(ctx, "on", pro("ada")); !on || err != nil {
		t.Errorf("got %v, %v", on, err)
	}
	_, _ = c.GetFeatureFlag(ctx, "nope", pro("ada"))
	_, _ = c.GetFeatureFlag(ctx, "nope", pro("ada"))
	counts(3, "two other flags")
	if _, err := c.EvaluateFlags(ctx, pro("ada"), hogflags.FlagKeys("beta", "on", "nope")); err != nil {
		t.Error(err)
	}
	counts(3, "a snapshot of flags that are known")
	_, _ = c.EvaluateFlags(ctx, pro("bob"), hogflags.FlagKeys("beta"))
	counts(4, "somebody else")
	_, _ = c.EvaluateFlags(ctx, pro("ada"), hogflags.FlagKeys("beta"), hogflags.GeoIP(true))
	counts(5, "with GeoIP")
	_, _ = c.EvaluateFlags(ctx, hogflags.Subject{DistinctID: "ada", PersonProperties: map[string]any{"plan": "free"}}, hogflags.FlagKeys("beta"))
	counts(6, "another property")
	list := hogflags.Subject{DistinctID: "ada", PersonProperties: map[string]any{"tags": []string{"a"}}}
	_, _ = c.EvaluateFlags(ctx, list, hogflags.FlagKeys("beta"))
	_, _ = c.EvaluateFlags(ctx, list, hogflags.FlagKeys("beta"))
	counts(8, "a property that could change in place")
	_, _ = c.GetFeatureFlag(t.Context(), "beta", pro("ada"))
	counts(9, "outside of the request")
	other := hogflags.WithRequestContext(ctx, hogflags.RequestContext{})
	_, _ = c.GetFeatureFlag(other, "beta", pro("ada"))
	counts(10, "another request")
}

// Two clients in one request are two projects.
func TestRequestWithTwoClients(t *testing.T) {
	one, other := newServer(t), newServer(t)
	if err := other.SetActive("checkout", false); err != nil {
		t.Fatal(err)
	}
	ctx := hogflags.WithRequestContext(t.Context(), hogflags.RequestContext{DistinctID: "ada"})
	a, b := newClient(t, one, remoteOnly), newClient(t, other, remoteOnly)
	first, _ := a.EvaluateFlags(ctx, hogflags.Subject{})
	second, _ := b.EvaluateFlags(ctx, hogflags.Subject{})
	if first.Variant("checkout") != "fast" || second.Value("checkout") != nil {
		t.Errorf("got %v and %v, want each project's own", first.Value("checkout"), second.Value("checkout"))
	}
	v, _ := a.GetFeatureFlag(ctx, "checkout", hogflags.Subject{})
	w, err := b.GetFeatureFlag(ctx, "checkout", hogflags.Subject{})
	if v != "fast" || !errors.Is(err, hogflags.ErrFlagNotFound) {
		t.Errorf("got %v and %v, %v", v, w, err)
	}
}

// What a caller changes in its subject afterwards does not change what it asked.
func TestRequestKeepsItsSubject(t *testing.T) {
	srv := newServer(t)
	c := newClient(t, srv, remoteOnly)
	ctx := hogflags.WithRequestContext(t.Context(), hogflags.RequestContext{})
	subject := pro("ada")
	if on, err := c.IsFeatureEnabled(ctx, "beta", subject); !on || err != nil {
		t.Fatal(on, err)
	}
	subject.PersonProperties["plan"] = "free"
	if on, err := c.IsFeatureEnabled(ctx, "beta", subject); on || err != nil {
		t.Errorf("got %v, %v; want the answer for the changed subject", on, err)
	}
}

// A failure is shared, too: a request does not wait for PostHog twice.
func TestRequestSharesFailure(t *testing.T) {
	srv := newServer(t)
	c := readyWith(t, srv, asking)
	srv.Fail(posthogtest.Failure{Status: 503})
	ctx := hogflags.WithRequestContext(t.Context(), hogflags.RequestContext{})
	u := hogflags.Subject{DistinctID: "u"}
	for range 2 {
		if _, err := c.GetFeatureFlag(ctx, "beta", u); !errors.Is(err, hogflags.ErrInconclusive) {
			t.Errorf("got %v", err)
		}
		if e, err := c.EvaluateFlags(ctx, u, hogflags.FlagKeys("on", "beta")); !e.IsEnabled("on") || !errors.Is(e.Err("beta"), hogflags.ErrInconclusive) {
			t.Errorf("got %v, %v", e.Err("beta"), err)
		}
	}
	if got := len(asked(t, srv)); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}
