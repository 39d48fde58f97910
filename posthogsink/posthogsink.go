// Package posthogsink hands events to the client of posthog-go, which batches and
// sends them.
package posthogsink

import (
	"context"
	"errors"
	"fmt"

	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags/events"
)

// contextual is what clients of newer versions can do.
type contextual interface {
	EnqueueWithContext(context.Context, posthog.Message) error
}

// sink enqueues events.
type sink struct{ client posthog.EnqueueClient }

// New returns a sink over a client of posthog-go, which stays the caller's to
// close: after the clients that report to it, so that the last events are sent. The
// client needs no secret key; its own flags are not used.
//
// It works with posthog-go from 1.10. Newer ones add what their request context
// has, if the context of the call carries one, and refuse an event that their queue
// has no room for; older ones wait for room.
func New(client posthog.EnqueueClient) (events.Sink, error) {
	if client == nil {
		return nil, errors.New("make event sink: the posthog-go client is nil")
	}
	return sink{client}, nil
}

func (s sink) Capture(ctx context.Context, e events.Event) error {
	capture := posthog.Capture{
		DistinctId: e.DistinctID,
		Event:      e.Name,
		Timestamp:  e.Time,
		Properties: posthog.Properties(e.Properties),
	}
	if len(e.Groups) > 0 {
		capture.Groups = posthog.Groups(e.Groups)
	}
	if err := s.enqueue(ctx, capture); err != nil {
		return fmt.Errorf("enqueue event: %w", err)
	}
	return nil
}

func (s sink) enqueue(ctx context.Context, m posthog.Message) error {
	if newer, ok := s.client.(contextual); ok {
		return newer.EnqueueWithContext(ctx, m)
	}
	return s.client.Enqueue(m)
}
