package resolve

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/rules"
)

// DefaultTimeout bounds a remote evaluation when [Config.Timeout] is zero.
const DefaultTimeout = 3 * time.Second

var (
	// ErrQuotaLimited is returned when PostHog answers for no flag because the
	// project has used up its flag requests.
	ErrQuotaLimited = errors.New("the project has used up its feature flag requests")

	// ErrFailed is the cause of an inconclusive flag that PostHog tried to
	// evaluate and could not.
	ErrFailed = errors.New("PostHog could not evaluate the flag")
)

// Remote has PostHog evaluate flags: a [posthogapi.Client].
type Remote interface {
	Flags(context.Context, posthogapi.FlagsRequest) (posthogapi.Flags, error)
}

// Config is what a [Resolver] is made from.
type Config struct {
	// Remote is asked for what is not decided locally. Required.
	Remote Remote

	// Timeout bounds a remote evaluation, with its retry. Zero means
	// [DefaultTimeout]. A context that ends earlier wins.
	Timeout time.Duration

	// Observe is called after each remote evaluation, and for each that the
	// circuit breaker held back. It must return soon. Nil: not called.
	Observe func(Request)
}

// Resolver answers for flags. It is safe for concurrent use and starts no
// goroutine.
type Resolver struct {
	remote  Remote
	timeout time.Duration
	observe func(Request)
	breaker Breaker
	unknown unknown
	closed  atomic.Pointer[error] // not nil: nothing is sent, for this reason
}

// New makes a resolver. It sends nothing.
func New(cfg Config) *Resolver {
	return &Resolver{remote: cfg.Remote, timeout: cmp.Or(cfg.Timeout, DefaultTimeout), observe: cfg.Observe}
}

// Close has the resolver send nothing from now on: what is not decided locally
// gets the reason. A request that is under way goes on.
func (r *Resolver) Close(reason error) { r.closed.Store(&reason) }

// Question is whom an evaluation is about, and what it may use.
type Question struct {
	// Set is what to evaluate with; nil: nothing, PostHog is asked for all.
	Set *rules.Set

	// Refresh tells one state of the definitions from the next: a key that
	// neither side knew is asked again when it changes.
	Refresh uint64

	// Subject is whom it is about. Its Now, if zero, is the current time. It
	// must not be used by others meanwhile.
	Subject *rules.Subject

	LocalOnly bool // [Resolver.Flags] does not ask PostHog
	GeoIP     bool // PostHog may take properties from the address of the request

	// Known are answers that PostHog gave about this subject a moment ago: it
	// is not asked for them again. Nil: none.
	Known func(key string) (Answer, bool)
}

// Ask completes the answer that [Evaluate] gave: it has PostHog answer, if that may
// know better. The error is that of the remote evaluation; what a good one leaves
// open is in the answer.
func (r *Resolver) Ask(ctx context.Context, q *Question, a Answer) (Answer, error) {
	if q.Set != nil && !r.open(q, a.local.Key(), &a.local) {
		return a, nil
	}
	if known, ok := q.known(a.local.Key()); ok {
		return known, known.Cause()
	}
	answers := []Answer{a}
	err := r.ask(ctx, q, causeOf(q, answers), answers)
	return answers[0], err
}

// Flags answers for the flags of the given keys, for every flag if keys is nil,
// from one state of the definitions. The answers come in the order of the keys
// or the definitions. The error is that of the remote evaluation, of which there
// is one at most: nil if there was none or it succeeded. With an error there are
// still all answers that were decided locally.
func (r *Resolver) Flags(ctx context.Context, q *Question, keys []string) ([]Answer, error) {
	if q.Set == nil && keys == nil {
		if q.LocalOnly {
			return nil, nil
		}
		return r.askAll(ctx, q)
	}
	if q.Subject.Now.IsZero() {
		q.Subject.Now = time.Now() // one moment for all
		defer func() { q.Subject.Now = time.Time{} }()
	}
	answers, open := r.locally(q, keys)
	if len(open) == 0 || q.LocalOnly {
		return answers, nil
	}
	asked := make([]Answer, 0, len(open))
	for _, i := range open {
		if a, ok := q.known(answers[i].Key()); ok {
			answers[i] = a
		} else {
			asked = append(asked, answers[i])
		}
	}
	if len(asked) == 0 {
		return answers, nil
	}
	err := r.ask(ctx, q, causeOf(q, asked), asked)
	byKey := make(map[string]Answer, len(asked))
	for _, a := range asked {
		byKey[a.Key()] = a
	}
	for _, i := range open {
		if a, ok := byKey[answers[i].Key()]; ok {
			answers[i] = a
		}
	}
	return answers, err
}

// locally evaluates with the definitions, and lists the answers that they leave
// open.
func (r *Resolver) locally(q *Question, keys []string) (answers []Answer, open []int) {
	if keys != nil {
		answers = make([]Answer, len(keys))
		for i, key := range keys {
			a := &answers[i].local
			Evaluate(a, q.Set, key, q.Subject)
			if q.Set == nil || r.open(q, key, a) {
				open = append(open, i)
			}
		}
		return answers, open
	}
	all := q.Set.EvaluateAll(make([]rules.Answer, 0, q.Set.Len()), q.Subject)
	answers = make([]Answer, len(all))
	for i := range all {
		answers[i].local = all[i]
		if all[i].Status == rules.Inconclusive {
			open = append(open, i)
		}
	}
	return answers, open
}

// open reports whether PostHog may know better: it knows more of the subject,
// and flags that the definitions leave out. A flag that the definitions have
// and that is not for the subject's runtime or contexts is not there either.
func (r *Resolver) open(q *Question, key string, a *rules.Answer) bool {
	switch a.Status {
	case rules.Decided:
		return false
	case rules.Inconclusive:
		return true
	}
	return !q.Set.Has(key) && !r.unknown.has(q.Refresh, scope(key, q.Subject))
}

func (q *Question) known(key string) (Answer, bool) {
	if q.Known == nil {
		return Answer{}, false
	}
	return q.Known(key)
}
