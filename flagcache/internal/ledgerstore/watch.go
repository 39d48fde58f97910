package ledgerstore

import (
	"context"
	"fmt"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// Watched is a Store that is a [flagcache.Watcher], too.
type Watched struct {
	*Store
	medium WatchedMedium
}

var _ flagcache.Watcher = (*Watched)(nil)

// NewWatched is [New] for a medium that can be looked at all the time.
func NewWatched(name string, scope flagcache.Scope, medium WatchedMedium) *Watched {
	return &Watched{New(name, scope, medium), medium}
}

// lookEvery is how often a watch looks. A look costs some microseconds, and
// half of this time is what a push takes on average.
const lookEvery = 50 * time.Millisecond

// Watch calls hint after every change but renewals, until ctx ends.
func (s *Watched) Watch(ctx context.Context, hint func()) error {
	err := s.watch(ctx, hint)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("watch %s: %w", s.name, err)
}

func (s *Watched) watch(ctx context.Context, hint func()) error {
	changed, stop, err := s.medium.Watch(ctx)
	if err != nil {
		return err
	}
	defer stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	if _, err := changed(ctx); err != nil {
		return err
	}
	last, known := s.changes(ctx)
	hint()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		switch again, err := changed(ctx); {
		case err != nil:
			return err
		case !again:
			continue
		}
		n, ok := s.changes(ctx)
		if n != last || !ok || !known {
			hint()
		}
		last, known = n, ok
	}
}

// changes is the record's count; not ok if it cannot be read, about which
// whoever looks is told.
func (s *Watched) changes(ctx context.Context) (n uint64, ok bool) {
	err := s.medium.View(ctx, func(v Reader) error {
		data, err := v.Record()
		if err != nil {
			return err
		}
		r, err := decode(data)
		if err == nil {
			n = r.Changes
		}
		return err
	})
	return n, err == nil
}
