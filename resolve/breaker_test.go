package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hogflags/hogflags/posthogapi"
)

var (
	errDown     = errors.New("connection refused")
	errLimited  = &posthogapi.StatusError{StatusCode: 429, Kind: posthogapi.RateLimited, RetryAfter: 90 * time.Second}
	errRejected = &posthogapi.StatusError{StatusCode: 400, Kind: posthogapi.Rejected}
	errKey      = &posthogapi.StatusError{StatusCode: 401, Kind: posthogapi.Unauthorized}
)

// run asks n times at one moment, and counts what the breaker let through.
func run(b *Breaker, now time.Time, n int, err error) (sent int) {
	for range n {
		if b.Allow(now) == nil {
			sent++
			b.Done(now, err)
		}
	}
	return sent
}

func TestBreaker(t *testing.T) {
	start := time.Unix(1_790_000_000, 0)
	for name, tt := range map[string]struct {
		err  error
		want int // of 20 let through
	}{
		"down":                     {errDown, 5},
		"timeout":                  {fmt.Errorf("no answer: %w", context.DeadlineExceeded), 5},
		"no key":                   {errKey, 5},
		"quota":                    {ErrQuotaLimited, 5},
		"retry after":              {errLimited, 1},
		"the caller gave up":       {fmt.Errorf("send: %w", context.Canceled), 20},
		"this request was refused": {errRejected, 20},
		"it cannot be sent":        {fmt.Errorf("evaluate: %w", posthogapi.ErrUnsendable), 20},
		"it answers":               {nil, 20},
	} {
		var b Breaker
		if got := run(&b, start, 20, tt.err); got != tt.want {
			t.Errorf("%s: %d of 20 requests were sent, want %d", name, got, tt.want)
		}
	}

	var b Breaker
	now := start
	run(&b, now, 5, errDown)
	if err := b.Allow(now.Add(1500 * time.Millisecond)); !errors.Is(err, ErrCircuitOpen) || !errors.Is(err, errDown) || !strings.Contains(err.Error(), "500ms") {
		t.Errorf("open: %v", err)
	}
	for i, rest := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
		if got := run(&b, now.Add(rest*time.Second-1), 3, errDown); got != 0 {
			t.Errorf("break %d: %d requests before %v s", i, got, rest)
		}
		now = now.Add(rest * time.Second)
		if err := b.Allow(now); err != nil {
			t.Errorf("break %d: the trial is held back: %v", i, err)
		}
		if err := b.Allow(now); !errors.Is(err, ErrCircuitOpen) {
			t.Errorf("break %d: a second request beside the trial: %v", i, err)
		}
		b.Done(now, errDown)
	}
	now = now.Add(time.Minute)
	if got := run(&b, now, 10, nil); got != 10 {
		t.Errorf("after an answer %d of 10 are sent", got)
	}
	if got := run(&b, now, 10, errDown); got != 5 {
		t.Errorf("down again: %d of 10 are sent, want 5", got)
	}

	var limited Breaker
	run(&limited, start, 1, errLimited)
	if limited.Allow(start.Add(89*time.Second)) == nil || limited.Allow(start.Add(90*time.Second)) != nil {
		t.Error("Retry-After is not kept")
	}
}

// However requests overlap, a trial that the caller abandons does not keep the
// breaker shut for good, and an answer opens it.
func TestBreakerRecovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Breaker
		now := time.Unix(1_790_000_000, 0)
		inFlight := 0
		outcomes := []error{nil, errDown, errLimited, errRejected, context.Canceled}
		t.Repeat(map[string]func(*rapid.T){
			"ask": func(*rapid.T) {
				if b.Allow(now) == nil {
					inFlight++
				}
			},
			"answer": func(t *rapid.T) {
				if inFlight > 0 {
					inFlight--
					b.Done(now, rapid.SampledFrom(outcomes).Draw(t, "outcome"))
				}
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "seconds")) * time.Second)
			},
		})
		for ; inFlight > 0; inFlight-- {
			b.Done(now, context.Canceled)
		}
		now = now.Add(2 * time.Hour)
		if err := b.Allow(now); err != nil {
			t.Fatalf("after two quiet hours: %v", err)
		}
		b.Done(now, nil)
		if got := run(&b, now, 100, nil); got != 100 {
			t.Fatalf("after an answer %d of 100 are sent", got)
		}
	})
}

func TestUnknownIsBounded(t *testing.T) {
	var u unknown
	for i := range maxUnknown + 10 {
		u.add(1, scoped{key: fmt.Sprint(i)})
	}
	if len(u.keys) != maxUnknown || !u.has(1, scoped{key: "0"}) || u.has(2, scoped{key: "0"}) || u.has(1, scoped{key: fmt.Sprint(maxUnknown)}) {
		t.Errorf("%d keys are remembered", len(u.keys))
	}
	if u.add(2, scoped{key: "a"}); len(u.keys) != 1 || u.has(2, scoped{key: "0"}) {
		t.Error("a refresh does not forget")
	}
}
