package hogflags

import (
	"context"
	"errors"
	"sync"
	"time"
)

// afterFailure is how long Freshen leaves a source alone that could not be read.
const afterFailure = 5 * time.Second

// freshness is what Freshen remembers. Times are the wall clock's: the monotonic
// one may stand still while a process is frozen.
type freshness struct {
	turn chan struct{} // has a value while one caller looks, who owns what follows

	mu   sync.Mutex
	next time.Time // do not look again before this
	err  error     // of the last look
}

// Freshen makes sure that the definitions are not older than limit, or have been
// looked for within it. It is for processes that are frozen between requests, as
// AWS Lambda does: there nothing polls in the meantime, and what is in memory may
// be hours old. Call it when a request begins:
//
//	if err := client.Freshen(ctx, time.Minute); err != nil { … } // the definitions stay
//
// As long as they are young enough it returns nil at once. Otherwise it looks as
// [Client.ReloadFeatureFlags] does, which costs a client that only reads its
// store one small read, and waits for that until ctx ends. An error says that the definitions may
// be older; evaluations go on from them, and for 5 s, or limit if that is less, nobody
// looks again, unless it is that ctx was cancelled. Concurrent calls share a look. A
// client without definitions has nothing to look for.
func (c *Client) Freshen(ctx context.Context, limit time.Duration) error {
	if c.loader == nil {
		return nil
	}
	f := &c.freshness
	if young, err := f.young(c.Status().CheckedAt, limit); young {
		return err
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if young, err := f.young(c.Status().CheckedAt, limit); young {
		return err // somebody looked meanwhile
	}
	err := c.loader.Reload(ctx)
	if !errors.Is(ctx.Err(), context.Canceled) { // else it says nothing of the source
		f.looked(err, limit)
	}
	return err
}

// young reports whether there is no need to look.
func (f *freshness) young(checked time.Time, limit time.Duration) (bool, error) {
	now := time.Now().Round(0)
	if !checked.IsZero() && now.Sub(checked.Round(0)) <= limit {
		return true, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return now.Before(f.next), f.err
}

func (f *freshness) looked(err error, limit time.Duration) {
	pause := limit
	if err != nil {
		pause = min(limit, afterFailure)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.err = time.Now().Round(0).Add(pause), err
}
