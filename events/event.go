package events

import (
	"context"
	"log/slog"
	"time"
)

// FlagCalled is the name of the event that says that a flag was read.
const FlagCalled = "$feature_flag_called"

// Event is something that a person did, for PostHog to keep.
type Event struct {
	Name       string
	DistinctID string
	Groups     map[string]any // group type -> key; nil for none
	Properties map[string]any // a sink may change both; the caller must not, afterwards
	Time       time.Time      // zero: the sink's now
}

// Sink takes events.
type Sink interface {
	// Capture takes an event, to send it later. It must not block, as it is
	// called where flags are read, and must be safe for concurrent use. ctx is
	// that of the call that read the flag, for its values. An error says that
	// the event was not taken: it is not retried, but the next exposure of the
	// same kind is reported.
	Capture(ctx context.Context, e Event) error
}

// logSink writes events to a log.
type logSink struct{ log *slog.Logger }

// NewLogSink returns a sink that writes events to a log, at the level Info: for
// development, or where a log is what events are taken from.
func NewLogSink(log *slog.Logger) Sink { return logSink{log} }

func (s logSink) Capture(ctx context.Context, e Event) error {
	if !s.log.Enabled(ctx, slog.LevelInfo) {
		return nil
	}
	attrs := make([]slog.Attr, 0, 3)
	attrs = append(attrs, slog.String("distinct_id", e.DistinctID))
	if len(e.Groups) > 0 {
		attrs = append(attrs, slog.Any("groups", e.Groups))
	}
	attrs = append(attrs, slog.Any("properties", e.Properties))
	s.log.LogAttrs(ctx, slog.LevelInfo, e.Name, attrs...)
	return nil
}
