package hogflags_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// observations is an observer that keeps what it is told.
type observations struct {
	mu       sync.Mutex
	status   func() hogflags.Status
	outcomes map[hogflags.Outcome]int
	requests []hogflags.RemoteRequest
}

func (o *observations) Watch(status func() hogflags.Status) { o.status = status }

func (o *observations) Evaluated(outcome hogflags.Outcome, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.outcomes == nil {
		o.outcomes = map[hogflags.Outcome]int{}
	}
	o.outcomes[outcome] += n
}

func (o *observations) Asked(r hogflags.RemoteRequest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Duration <= 0 && !errors.Is(r.Err, hogflags.ErrCircuitOpen) {
		panic("a request took no time")
	}
	r.Duration = 0
	o.requests = append(o.requests, r)
}

func TestObserver(t *testing.T) {
	srv := newServer(t)
	o := new(observations)
	c := readyWith(t, srv, func(cfg *hogflags.Config) { asking(cfg); cfg.Observer = o })
	ctx := t.Context()
	if s := o.status(); s.State != loader.Current || s.Flags != 5 {
		t.Errorf("status %+v", s)
	}
	u := hogflags.Subject{DistinctID: "u"}
	_, _ = c.GetFeatureFlag(ctx, "on", u)
	_, _ = c.GetFeatureFlag(ctx, "beta", u)
	_, _ = c.GetFeatureFlag(ctx, "nope", u)
	_, _ = c.EvaluateFlags(ctx, u)
	_, _ = c.EvaluateFlags(ctx, u, hogflags.OnlyEvaluateLocally())
	want := map[hogflags.Outcome]int{
		hogflags.OutcomeLocal: 1 + 3 + 3, hogflags.OutcomeRemote: 1 + 2, hogflags.OutcomeNotFound: 1, hogflags.OutcomeInconclusive: 2,
	}
	if diff := cmp.Diff(o.outcomes, want); diff != "" {
		t.Errorf("outcomes (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(o.requests, []hogflags.RemoteRequest{
		{Cause: hogflags.UndecidedLocally, Keys: 1, Decided: 1},
		{Cause: hogflags.UnknownLocally, Keys: 1},
		{Cause: hogflags.UndecidedLocally, Keys: 2, Decided: 2},
	}); diff != "" {
		t.Errorf("requests (-got +want):\n%s", diff)
	}

	o.requests = nil
	srv.Fail(posthogtest.Failure{Status: 500})
	for range 6 {
		_, _ = c.GetFeatureFlag(ctx, "beta", u)
	}
	open := 0
	for _, r := range o.requests {
		if r.Err == nil || r.Decided != 0 {
			t.Errorf("got %+v, want an error", r)
		}
		if errors.Is(r.Err, hogflags.ErrCircuitOpen) {
			open++
		}
	}
	if len(o.requests) != 6 || open != 1 {
		t.Errorf("%d requests, %d held back; want 6 and 1", len(o.requests), open)
	}
}

func TestObserverOfRemoteOnly(t *testing.T) {
	o := new(observations)
	c := newClient(t, newServer(t), func(cfg *hogflags.Config) { remoteOnly(cfg); cfg.Observer = o })
	if _, err := c.EvaluateFlags(t.Context(), pro("u")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(o.requests, []hogflags.RemoteRequest{{Cause: hogflags.NoDefinitions, Decided: 4}}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if s := o.status(); !errors.Is(s.Cause, hogflags.ErrRemoteOnly) {
		t.Errorf("status %+v", s)
	}
}
