package flagcache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var errHung = errors.New("earlier calls have not returned")

// bounded keeps calls into foreign code from holding anybody up: a call that
// does not return in time is left behind, and when too many were, further ones
// fail at once until some return.
type bounded struct{ hung chan struct{} }

const maxHung = 4

// newBounded allows so many calls at once, those left behind included.
func newBounded(calls int) bounded { return bounded{make(chan struct{}, calls)} }

// run calls f with a context that ends after timeout. A panic is an error.
func (b bounded) run(ctx context.Context, timeout time.Duration, f func(context.Context) error) error {
	select {
	case b.hung <- struct{}{}:
	default:
		return errHung
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := func() error {
			defer func() { <-b.hung }()
			return caught(ctx, f)
		}()
		done <- err // whoever gets it may call again
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // both were ready: what happened counts
		return err
	default:
		return fmt.Errorf("no answer within %v: %w", timeout, ctx.Err())
	}
}

func caught(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f(ctx)
}
