package events

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"sync/atomic"
	"time"
)

// Config is what a [Reporter] is made from.
type Config struct {
	// Sink takes the events. Required.
	Sink Sink

	// Share of the persons whose exposures are reported, above 0 and up to 1,
	// to save volume. It goes by the distinct id, so that all processes report
	// the same persons. Flags that belong to an experiment, or may, are always
	// reported in full. Zero means 1.
	Share float64

	// Logger takes it, once in a row, if the sink refuses events. Nil
	// discards it.
	Logger *slog.Logger
}

// Reporter reports each exposure once, until it has forgotten it: it remembers
// about 260,000, in 2 MiB. It is safe for concurrent use, takes no lock and
// starts no goroutine.
type Reporter struct {
	sink     Sink
	share    float64
	log      *slog.Logger
	seen     seen
	refusing atomic.Bool
}

// NewReporter makes a reporter.
func NewReporter(cfg Config) (*Reporter, error) {
	if cfg.Sink == nil {
		return nil, errors.New("make reporter: there is no sink")
	}
	switch {
	case cfg.Share == 0:
		cfg.Share = 1
	case !(cfg.Share > 0 && cfg.Share <= 1):
		return nil, fmt.Errorf("share of persons whose events are sent is %v: want above 0 and at most 1", cfg.Share)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Reporter{sink: cfg.Sink, share: cfg.Share, log: cfg.Logger}, nil
}

// Seen reports whether an exposure needs no report: it was reported, or has no
// distinct id. It allocates nothing.
func (r *Reporter) Seen(e *Exposure) bool { return e.DistinctID == "" || r.seen.has(e.print()) }

// Report sends the event of an exposure, unless one like it was reported.
func (r *Reporter) Report(ctx context.Context, e Exposure, d Detail) {
	if e.DistinctID == "" {
		return
	}
	print := e.print()
	if !r.seen.add(print) || !r.sampled(&e, &d) {
		return
	}
	if err := r.capture(ctx, event(&e, &d, time.Now())); err != nil {
		r.seen.forget(print)
		if !r.refusing.Swap(true) {
			r.log.Warn("event not taken by the sink", "event", FlagCalled, "flag", e.Key, "error", err)
		}
		return
	}
	if r.refusing.Load() {
		r.refusing.Store(false)
	}
}

// capture turns a panic of the sink into an error: reading a flag must not
// bring down its reader.
func (r *Reporter) capture(ctx context.Context, e Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the sink panicked: %v", p)
		}
	}()
	return r.sink.Capture(ctx, e)
}

// sampled reports whether a person is among those reported. The hash is one
// that all processes share.
func (r *Reporter) sampled(e *Exposure, d *Detail) bool {
	if r.share == 1 || !d.ExperimentKnown || d.HasExperiment {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(e.DistinctID)) // never fails
	return float64(mix(h.Sum64(), 0)) < r.share*math.MaxUint64
}
