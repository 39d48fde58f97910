package hogflagstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hogflags/hogflags/events"
)

// recorder keeps what is reported.
type recorder struct {
	mu     sync.Mutex
	events []events.Event
}

func (r *recorder) Capture(_ context.Context, e events.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	return nil
}

// Events lists what was reported so far, by reading flags and by Capture, in
// order. It has nothing if [Config.Configure] has set another sink.
func (f *Fixture) Events() []events.Event {
	f.events.mu.Lock()
	defer f.events.mu.Unlock()
	return slices.Clone(f.events.events)
}

// AssertReported fails the test unless it was reported that a flag was read for
// this person, with this value: false, true, a variant's key, or nil for a flag
// without a value.
func (f *Fixture) AssertReported(t testing.TB, distinctID, key string, value any) {
	t.Helper()
	var others []string
	for _, e := range f.Events() {
		if e.Name != events.FlagCalled {
			continue
		}
		if e.DistinctID == distinctID && e.Properties["$feature_flag"] == key && e.Properties["$feature_flag_response"] == value {
			return
		}
		others = append(others, fmt.Sprintf("%v = %v for %s", e.Properties["$feature_flag"], e.Properties["$feature_flag_response"], e.DistinctID))
	}
	was := "nothing was"
	if others != nil {
		was = strings.Join(others, ", ") + " were"
	}
	t.Errorf("it was not reported that %s = %v was read for %s; %s", key, value, distinctID, was)
}

// AssertNotReported fails the test if it was reported that a flag was read, for
// whomever.
func (f *Fixture) AssertNotReported(t testing.TB, key string) {
	t.Helper()
	for _, e := range f.Events() {
		if e.Name == events.FlagCalled && e.Properties["$feature_flag"] == key {
			t.Errorf("it was reported that %s = %v was read for %s", key, e.Properties["$feature_flag_response"], e.DistinctID)
		}
	}
}
