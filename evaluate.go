package hogflags

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/resolve"
	"github.com/hogflags/hogflags/rules"
)

// EvaluateFlags answers for every flag at once, or those of [FlagKeys], from one
// state of the definitions. What these leave open it asks PostHog, in one
// request, unless it is confined to local evaluation; only then does it block,
// until ctx ends or [Config.RemoteTimeout] has passed.
//
// The snapshot is usable also with an error: it has what was decided locally.
// The error is that of the request, or [ErrNotReady] from a local evaluation.
// Flags that are not decided are in the snapshot as such.
func (c *Client) EvaluateFlags(ctx context.Context, subject Subject, opts ...EvaluateOption) (Evaluations, error) {
	set := c.settings(opts)
	s := &subject
	c.complete(ctx, s)
	shared := scopeOf(ctx).entry(c, s, set.geoIP)
	if before, ok := shared.snapshot(set); ok {
		return before.evaluations, before.err
	}
	q := resolve.Question{Set: c.Rules(), Subject: s, LocalOnly: set.localOnly, GeoIP: set.geoIP}
	var answers []Answer
	var err error
	if q.Set == nil && set.localOnly {
		if err = c.notReady(); c.fixed == nil {
			return Evaluations{}, err
		}
	} else {
		q.Known = shared.known()
		if c.loader != nil {
			q.Refresh = c.loader.Refreshes()
		}
		if answers, err = c.resolver.Flags(ctx, &q, set.keys); err != nil {
			err = c.remoteError(err)
		}
	}
	if q.Set == nil {
		answers = c.overrideAll(answers, set.keys)
	}
	shared.remember(answers...)
	c.count(answers)
	e := newSnapshot(answers, err)
	if !set.silent {
		e.exposures = &exposures{
			client: c, ctx: ctx, set: q.Set,
			subject: Subject{DistinctID: s.DistinctID, DeviceID: s.DeviceID, Groups: maps.Clone(s.Groups)},
		}
	}
	out := Evaluations{e}
	shared.keep(set, out, err)
	return out, err
}

// GetFeatureFlag answers for one flag: false, true (on without a variant) or
// the variant's key, a string. What the definitions leave open it asks PostHog;
// only then does it block, as [Client.EvaluateFlags] does. The error is
// [ErrInconclusive], [ErrFlagNotFound] or [ErrNotReady], and the value then nil.
func (c *Client) GetFeatureFlag(ctx context.Context, key string, subject Subject, opts ...EvaluateOption) (any, error) {
	enabled, variant, err := c.evaluate(ctx, key, &subject, opts, true, nil)
	switch {
	case err != nil:
		return nil, err
	case variant != "":
		return variant, nil
	}
	return enabled, nil
}

// IsFeatureEnabled reports whether a flag is on for the subject, with whatever
// variant. It is false with an error; blocking and errors are those of
// [Client.GetFeatureFlag].
func (c *Client) IsFeatureEnabled(ctx context.Context, key string, subject Subject, opts ...EvaluateOption) (bool, error) {
	enabled, _, err := c.evaluate(ctx, key, &subject, opts, true, nil)
	return enabled, err
}

// GetFeatureFlagResult is [Client.GetFeatureFlag] with everything that is known:
// value, variant, payload, reason.
func (c *Client) GetFeatureFlagResult(ctx context.Context, key string, subject Subject, opts ...EvaluateOption) (Answer, error) {
	var a Answer
	_, _, err := c.evaluate(ctx, key, &subject, opts, true, &a)
	return a, err
}

// GetFeatureFlagPayload gives the payload of the value that a flag has for the
// subject, as [Evaluations.Payload] does; nil if it has none. It reports no
// event. Blocking and errors are those of [Client.GetFeatureFlag].
func (c *Client) GetFeatureFlagPayload(ctx context.Context, key string, subject Subject, opts ...EvaluateOption) (json.RawMessage, error) {
	var a Answer
	if _, _, err := c.evaluate(ctx, key, &subject, opts, false, &a); err != nil {
		return nil, err
	}
	return a.Payload(), payloadErr(&a)
}

// GetAllFlags gives the value of every flag that is decided, also of those that
// are off, and reports no events. The error is that of [Client.EvaluateFlags],
// and the map is usable also with it.
func (c *Client) GetAllFlags(ctx context.Context, subject Subject, opts ...EvaluateOption) (map[string]any, error) {
	e, err := c.EvaluateFlags(ctx, subject, opts...)
	return e.values(), err
}

// GetAllFlagsAndPayloads is [Client.GetAllFlags] with the payloads of the values
// that have one.
func (c *Client) GetAllFlagsAndPayloads(ctx context.Context, subject Subject, opts ...EvaluateOption) (values map[string]any, payloads map[string]json.RawMessage, err error) {
	e, err := c.EvaluateFlags(ctx, subject, opts...)
	return e.values(), e.payloads(), err
}

// evaluate answers for one flag. What is decided locally costs no allocation, and
// no copy of the answer unless it is asked for by an out that is not nil.
func (c *Client) evaluate(ctx context.Context, key string, s *Subject, opts []EvaluateOption, read bool, out *Answer) (enabled bool, variant string, err error) {
	set := c.settings(opts)
	c.complete(ctx, s)
	defs := c.Rules()
	if defs == nil && c.fixed != nil && c.fixed.Has(key) {
		defs = c.fixed
	}
	var local rules.Answer
	resolve.Evaluate(&local, defs, key, s)
	if local.Status != Decided {
		a, err := c.undecided(ctx, defs, *s, local, set, read)
		if out != nil {
			*out = a
		}
		return a.Enabled(), a.Variant(), err
	}
	if c.observer != nil {
		c.observer.Evaluated(OutcomeLocal, 1)
	}
	if read && !set.silent {
		var e events.Exposure // a literal would be made aside and copied
		e.DistinctID, e.DeviceID, e.Groups = s.DistinctID, s.DeviceID, s.Groups
		e.Key, e.Decided, e.Enabled, e.Variant = key, true, local.Enabled, local.Variant
		if !c.reporter.Seen(&e) {
			c.reportLocal(ctx, e, defs, local)
		}
	}
	if out != nil {
		*out = resolve.Local(local)
	}
	return local.Enabled, local.Variant, nil
}

// reportLocal is apart from evaluate, as what it is given is not to be copied
// there.
func (c *Client) reportLocal(ctx context.Context, e events.Exposure, defs *rules.Set, local rules.Answer) {
	a := resolve.Local(local)
	c.report(ctx, e, defs, &a)
}

// undecided goes on with a flag that is not decided locally, and asks PostHog if it
// may.
func (c *Client) undecided(ctx context.Context, defs *rules.Set, s Subject, local rules.Answer, set settings, read bool) (Answer, error) {
	a := resolve.Local(local)
	if set.localOnly && defs == nil {
		return a, c.notReady()
	}
	if !set.localOnly {
		a = c.ask(ctx, resolve.Question{Set: defs, Subject: &s, GeoIP: set.geoIP}, a)
	}
	if c.observer != nil {
		c.observer.Evaluated(outcomeOf(&a), 1)
	}
	if read && !set.silent {
		(&exposures{client: c, ctx: ctx, set: defs, subject: s}).report(a.Key(), &a)
	}
	return a, errOf(&a)
}

// ask has PostHog answer, unless it did in this request.
func (c *Client) ask(ctx context.Context, q resolve.Question, local Answer) Answer {
	shared := scopeOf(ctx).entry(c, q.Subject, q.GeoIP)
	q.Known = shared.known()
	if c.loader != nil {
		q.Refresh = c.loader.Refreshes()
	}
	a, err := c.resolver.Ask(ctx, &q, local)
	if q.Set == nil && err != nil {
		a = resolve.Unanswered(local.Key(), c.remoteError(err))
	}
	shared.remember(a)
	return a
}

// complete adds to a subject what the client's settings and the request's context
// have. It is the call's own copy, which stays on the stack for what is decided
// locally.
func (c *Client) complete(ctx context.Context, s *Subject) {
	if s.DistinctID == "" {
		s.DistinctID = requestContextOf(ctx).DistinctID
	}
	if s.Runtime == 0 {
		s.Runtime = c.runtime
	}
	if len(s.Contexts) == 0 {
		s.Contexts = c.contexts
	}
	if c.now != nil && s.Now.IsZero() {
		s.Now = c.now()
	}
}

// remoteError adds why there were no definitions, if that is why PostHog was
// asked.
func (c *Client) remoteError(err error) error {
	if c.loader == nil || c.Rules() != nil {
		return err
	}
	if errors.Is(err, ErrClosed) {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	return fmt.Errorf("%w, and PostHog was asked in vain: %w", c.notReady(), err)
}

func (c *Client) notReady() error {
	if c.closed.Load() {
		return fmt.Errorf("%w: %w", ErrNotReady, ErrClosed)
	}
	if c.loader == nil {
		return fmt.Errorf("%w: %w", ErrNotReady, ErrRemoteOnly)
	}
	if cause := c.loader.Status().Cause; cause != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, cause)
	}
	return ErrNotReady
}

// GetRemoteConfigPayload asks PostHog for the payload of a remote config flag,
// decrypted by PostHog if it is encrypted; nil if it has none. It blocks for a
// request each time, and needs a key. The error is [ErrFlagNotFound] for a flag
// that does not exist, and [ErrClosed] after [Client.Close].
func (c *Client) GetRemoteConfigPayload(ctx context.Context, key string) (json.RawMessage, error) {
	if c.closed.Load() {
		return nil, fmt.Errorf("read remote config %q: %w", key, ErrClosed)
	}
	payload, err := c.api.RemoteConfig(ctx, key)
	if isUnknownFlag(err) {
		return nil, fmt.Errorf("%w: %q: %w", ErrFlagNotFound, key, err)
	}
	return payload, err
}

// isUnknownFlag reports whether PostHog said that there is no such flag.
func isUnknownFlag(err error) bool {
	se, ok := errors.AsType[*posthogapi.StatusError](err)
	return ok && se.StatusCode == http.StatusNotFound && se.PostHog
}
