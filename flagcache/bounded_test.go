package flagcache

import (
	"context"
	"testing"
	"time"
)

// Calls that have returned leave room for the next.
func TestBoundedFreesBeforeItReturns(t *testing.T) {
	b := newBounded(1)
	for i := range 20_000 {
		err := b.run(t.Context(), time.Minute, func(context.Context) error { return nil })
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}
