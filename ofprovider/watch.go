package ofprovider

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/loader"
)

// glance is how often the client's state is looked at: definitions become stale
// without anything that would tell.
const glance = time.Second

// watch tells OpenFeature what becomes of a client's definitions.
type watch struct {
	client *hogflags.Client
	events chan<- openfeature.Event
	stop   func() // of the subscription to changes
	life   context.Context
	cancel context.CancelFunc // ends life
	ended  sync.WaitGroup

	mu      sync.Mutex
	changes []hogflags.Change
	rung    chan struct{} // holds one: there are changes
}

func newWatch(client *hogflags.Client, events chan<- openfeature.Event) *watch {
	w := &watch{client: client, events: events, rung: make(chan struct{}, 1)}
	w.life, w.cancel = context.WithCancel(context.Background())
	w.stop = client.OnChange(w.changed)
	return w
}

// changed keeps a change until the goroutine has time for it: the client must not
// wait for who handles events.
func (w *watch) changed(c hogflags.Change) {
	w.mu.Lock()
	w.changes = append(w.changes, c)
	w.mu.Unlock()
	select {
	case w.rung <- struct{}{}:
	default:
	}
}

// begin starts the goroutine, after an initialization that was or was not a
// success.
func (w *watch) begin(ready bool) {
	state := openfeature.ProviderReady
	if !ready {
		state = openfeature.ProviderError
	}
	w.take() // changes up to now came with being ready
	w.ended.Go(func() { w.run(state) })
}

func (w *watch) end() {
	w.stop()
	w.cancel()
	w.ended.Wait()
}

func (w *watch) run(state openfeature.EventType) {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for {
		select {
		case <-w.life.Done():
			return
		case <-w.rung:
		case <-ticker.C:
		}
		now, why := w.state()
		if now != state {
			state = now
			w.say(openfeature.Event{EventType: state, ProviderEventDetails: why})
		}
		for _, c := range w.take() {
			if c.Previous.IsZero() {
				continue // the first definitions: that is being ready
			}
			w.say(openfeature.Event{
				EventType: openfeature.ProviderConfigChange,
				ProviderEventDetails: openfeature.ProviderEventDetails{
					Message:       "the flag definitions have changed",
					FlagChanges:   w.affected(c),
					EventMetadata: map[string]any{"revision": c.Revision.String()},
				},
			})
		}
	}
}

func (w *watch) take() []hogflags.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.changes
	w.changes = nil
	return taken
}

// affected are the flags that may answer differently: those that changed and those
// that depend on them, all of them after a change of what they share, such as
// cohorts.
func (w *watch) affected(c hogflags.Change) []string {
	set := w.client.Rules()
	if set == nil {
		return c.Keys
	}
	others := set.Dependents(c.Keys)
	if c.Shared {
		others = set.Keys()
	}
	keys := slices.Concat(c.Keys, others)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// say hands over an event, unless the provider is shut down before somebody
// takes it.
func (w *watch) say(e openfeature.Event) {
	e.ProviderName = Name
	select {
	case w.events <- e:
	case <-w.life.Done():
	}
}

// state is what the client's state is called in OpenFeature.
func (w *watch) state() (openfeature.EventType, openfeature.ProviderEventDetails) {
	s := w.client.Status()
	details := func(message string) openfeature.ProviderEventDetails {
		if s.Cause != nil {
			message += ": " + s.Cause.Error()
		}
		return openfeature.ProviderEventDetails{Message: message}
	}
	broken := func(message string) (openfeature.EventType, openfeature.ProviderEventDetails) {
		d := details(message)
		d.ErrorCode = openfeature.GeneralCode
		return openfeature.ProviderError, d
	}
	switch {
	case s.Expired:
		return broken("the flag definitions are too old to decide with")
	case s.Cleared:
		return broken("the project's quota is used up, so there are no flags")
	case errors.Is(s.Cause, hogflags.ErrRemoteOnly):
		return openfeature.ProviderReady, openfeature.ProviderEventDetails{}
	case s.State == loader.Current:
		return openfeature.ProviderReady, details("the flag definitions are current")
	case s.Revision.IsZero():
		return broken("there are no flag definitions")
	case s.State == loader.Closed:
		return openfeature.ProviderStale, details("the client is closed")
	}
	return openfeature.ProviderStale, details("the flag definitions are not current")
}
