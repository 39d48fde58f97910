package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/rules"
)

// fairWait is how long a caller has to wait before the end of its context speaks
// against PostHog. Else a few who are in a hurry would take the answers from
// everybody.
const fairWait = time.Second

// ask asks PostHog about the answers that are open, and completes them.
func (r *Resolver) ask(ctx context.Context, q *Question, cause Cause, answers []Answer) error {
	keys := make([]string, len(answers))
	for i := range answers {
		keys[i] = answers[i].local.Key()
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	response, sent, err := r.send(ctx, q, keys)
	for i := range answers {
		a := &answers[i]
		key := a.local.Key()
		a.remote = &remote{flag: posthogapi.Flag{Key: key, ConditionIndex: -1}, response: response, err: err}
		if err != nil {
			continue
		}
		flag, ok := response.Flags[key]
		switch {
		case ok:
			a.remote.set(flag)
		case response.Errors && a.local.Status == rules.Inconclusive:
			a.remote.err = ErrFailed
		case q.Set != nil && !response.Errors && a.local.Status == rules.NotFound:
			r.unknown.add(q.Refresh, scope(key, q.Subject))
		}
	}
	r.report(sent, cause, keys, answers)
	return err
}

// askAll asks PostHog about every flag.
func (r *Resolver) askAll(ctx context.Context, q *Question) ([]Answer, error) {
	response, sent, err := r.send(ctx, q, nil)
	var answers []Answer
	if err == nil {
		for _, key := range slices.Sorted(maps.Keys(response.Flags)) {
			of := &remote{response: response}
			of.set(response.Flags[key])
			answers = append(answers, Answer{local: rules.Absent(key), remote: of})
		}
	}
	r.report(sent, NoDefinitions, nil, answers)
	return answers, err
}

func (r *remote) set(flag posthogapi.Flag) {
	r.flag, r.found = flag, !flag.Failed
	if flag.Failed {
		r.err = ErrFailed
		if why := cmp.Or(flag.Description, flag.Reason); why != "" {
			r.err = fmt.Errorf("%w: %s", ErrFailed, why)
		}
	}
}

// send makes the one request, if the breaker lets it. The response is nil with
// an error. The Request is nil if there is nothing to tell of: the resolver is
// closed.
func (r *Resolver) send(ctx context.Context, q *Question, keys []string) (*posthogapi.Flags, *Request, error) {
	if reason := r.closed.Load(); reason != nil {
		return nil, nil, *reason
	}
	start := time.Now()
	if err := r.breaker.Allow(start); err != nil {
		return nil, &Request{Err: err}, err
	}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	response, err := r.remote.Flags(bounded, request(q, keys))
	end := time.Now()
	switch {
	case err == nil && response.QuotaLimited:
		err = ErrQuotaLimited
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		err = fmt.Errorf("no answer within %v: %w", r.timeout, err)
	}
	blamed := err
	if ctx.Err() != nil && end.Sub(start) < fairWait {
		blamed = context.Canceled
	}
	r.breaker.Done(end, blamed)
	sent := &Request{Duration: end.Sub(start), Err: err}
	if err != nil {
		return nil, sent, err
	}
	return &response, sent, nil
}

func request(q *Question, keys []string) posthogapi.FlagsRequest {
	s := q.Subject
	req := posthogapi.FlagsRequest{
		DistinctID:       s.DistinctID,
		DeviceID:         s.DeviceID,
		AnonDistinctID:   s.AnonDistinctID,
		Groups:           s.Groups,
		PersonProperties: s.PersonProperties,
		GroupProperties:  s.GroupProperties,
		Keys:             keys,
		Contexts:         s.Contexts,
		DisableGeoIP:     !q.GeoIP,
	}
	switch s.Runtime {
	case rules.RuntimeServer:
		req.Runtime = posthogapi.RuntimeServer
	case rules.RuntimeClient:
		req.Runtime = posthogapi.RuntimeClient
	}
	return req
}
