package posthogtransport

import (
	"slices"
	"sync"
	"time"
)

// schedule tells a poll from a reload: posthog-go asks when its next poll is
// due, and a request before that is one that somebody has asked for. Clients
// made from one config share a schedule, which then holds a time for each.
type schedule struct {
	mu  sync.Mutex
	due []time.Time
}

// next is how long to wait before the next poll.
func (s *schedule) next() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = append(s.due, time.Now().Add(pollInterval))
	return pollInterval
}

// early notes a request and reports whether no poll was due. The first request
// of a client, which holds nothing yet, is never early.
func (s *schedule) early(holds bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.due) == 0 {
		return false
	}
	first := slices.MinFunc(s.due, time.Time.Compare)
	early := time.Now().Before(first)
	if early && !holds {
		return false
	}
	i := slices.IndexFunc(s.due, first.Equal)
	s.due = slices.Delete(s.due, i, i+1)
	return early
}
