package hogflags

import (
	"context"
	"errors"
	"maps"
	"net"
	"strconv"
	"time"

	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/resolve"
	"github.com/hogflags/hogflags/rules"
)

// exposures reports what is read from a snapshot.
type exposures struct {
	client  *Client
	ctx     context.Context // of the call that made the snapshot, for its values
	set     *rules.Set      // that it was evaluated with, nil for none
	subject Subject
}

func (e *exposures) report(key string, a *Answer) {
	status, enabled, variant := resolve.Read(a)
	exposure := events.Exposure{
		DistinctID: e.subject.DistinctID, DeviceID: e.subject.DeviceID, Groups: e.subject.Groups,
		Key: key, Decided: status == Decided, Enabled: enabled, Variant: variant,
	}
	if !e.client.reporter.Seen(&exposure) {
		e.client.report(e.ctx, exposure, e.set, a)
	}
}

// report sends the event of an exposure that is new.
func (c *Client) report(ctx context.Context, e events.Exposure, set *rules.Set, a *Answer) {
	c.reporter.Report(ctx, e, c.detail(ctx, set, a))
}

func (c *Client) detail(ctx context.Context, set *rules.Set, a *Answer) events.Detail {
	has, known := a.HasExperiment()
	d := events.Detail{
		ID: a.ID(), Version: a.Version(), Reason: a.Description(), Payload: a.Payload(),
		SessionID: requestContextOf(ctx).SessionID, Errors: errorNames(a),
		RequestID: a.RequestID(), EvaluatedAt: a.EvaluatedAt(),
		LocallyEvaluated: a.DecidedLocally(),
		HasExperiment:    has, ExperimentKnown: known,
		Minimal: a.MinimalFlagCalledEvents(),
	}
	if d.LocallyEvaluated && c.loader != nil && set != nil { // else it is an override without definitions
		d.DefinitionsAt = c.loader.Status().FetchedAt
		d.Minimal = set.MinimalFlagCalledEvents()
	}
	return d
}

// errorNames says in PostHog's words what went wrong with an answer.
func errorNames(a *Answer) (names []string) {
	if a.ErrorsWhileComputing() {
		names = append(names, events.ErrorsWhileComputing)
	}
	switch {
	case a.Status() == NotFound:
		names = append(names, events.FlagMissing)
	case a.Status() == Inconclusive:
		names = append(names, errorName(a.Cause()))
	}
	return names
}

func errorName(cause error) string {
	switch {
	case cause == nil, errors.Is(cause, resolve.ErrFailed):
		return events.EvaluationFailed
	case errors.Is(cause, ErrQuotaLimited), posthogapi.KindOf(cause) == posthogapi.QuotaLimited:
		return events.QuotaLimited
	}
	if se, ok := errors.AsType[*posthogapi.StatusError](cause); ok {
		return events.APIError + strconv.Itoa(se.StatusCode)
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return events.Timeout
	}
	if ne, ok := errors.AsType[net.Error](cause); ok {
		if ne.Timeout() {
			return events.Timeout
		}
		return events.ConnectionError
	}
	return events.UnknownError
}

// Capture hands an event to [Config.Events], completed from the request context:
// without a distinct id it gets the request's, and $session_id. It does nothing
// without a Config.Events. It does not block, if the sink does not.
func (c *Client) Capture(ctx context.Context, e events.Event) error {
	if c.sink == nil {
		return nil
	}
	rc := requestContextOf(ctx)
	if e.DistinctID == "" {
		e.DistinctID = rc.DistinctID
	}
	if rc.SessionID != "" && e.Properties["$session_id"] == nil {
		properties := make(map[string]any, len(e.Properties)+1)
		maps.Copy(properties, e.Properties)
		properties["$session_id"] = rc.SessionID
		e.Properties = properties
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	return c.sink.Capture(ctx, e)
}
