package cachetest

import (
	"context"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// listen watches until the test ends and returns the hints.
func listen(t *testing.T, s flagcache.Store) (hints <-chan struct{}, stop func() error) {
	t.Helper()
	w, ok := s.(flagcache.Watcher)
	if !ok {
		t.Skip("this store does not push")
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	ch := make(chan struct{}, 1)
	done := make(chan error, 1)
	go func() {
		done <- w.Watch(ctx, func() {
			select {
			case ch <- struct{}{}:
			default:
			}
		})
	}()
	return ch, func() error { cancel(); return within(t, done) }
}

func within[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came within 10 s")
		panic("unreachable")
	}
}

func testWatch(t *testing.T, b Backend) {
	s := b.fresh(t)
	writer := b.Open(t, s.Scope())
	hints, stop := listen(t, s)
	within(t, hints) // it listens
	c := acquire(t, writer, bid("a"), long)
	e := entry(s, c, 1, `{"flags":[1]}`)
	type watched struct {
		name string
		do   func() error
		seen func(flagcache.Record) bool
	}
	steps := []watched{
		{"save", func() error { _, err := writer.Save(t.Context(), c, e); return err },
			func(r flagcache.Record) bool { return r.Head.Seq == 1 }},
		{"confirm", func() error {
			_, err := writer.Confirm(t.Context(), c, entry(s, c, 2, `{"flags":[1]}`).Head)
			return err
		},
			func(r flagcache.Record) bool { return r.Head.Seq == 2 }},
		{"fail", func() error { _, err := writer.Fail(t.Context(), c, failure(c, 3)); return err },
			func(r flagcache.Record) bool { return r.Failure.Exists() }},
		{"reload", func() error { _, err := writer.RequestReload(t.Context()); return err },
			func(r flagcache.Record) bool { return !r.Reload.IsZero() }},
		{"release", func() error { _, err := writer.Release(t.Context(), c); return err },
			func(r flagcache.Record) bool { return !r.Live() }},
	}
	if p, ok := writer.(flagcache.Pinner); ok {
		steps = append(steps,
			watched{"pin", func() error { _, err := p.SetPin(t.Context(), pin(1, e), e); return err },
				func(r flagcache.Record) bool { return r.Pin.Exists() }},
			watched{"unpin", func() error { _, err := p.SetPin(t.Context(), pin(2, nil), nil); return err },
				func(r flagcache.Record) bool { return r.Pin.Number == 2 }})
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		for within(t, hints); !step.seen(record(t, s)); {
			within(t, hints) // the one before was of an earlier step
		}
	}
	if err := stop(); err != nil {
		t.Errorf("watch returned %v when its context ended, want nil", err)
	}
}

// testWatchGap changes the record while nobody listens: the next watch starts
// with a hint, so the reader looks.
func testWatchGap(t *testing.T, b Backend) {
	s := b.fresh(t)
	hints, stop := listen(t, s)
	within(t, hints)
	if err := stop(); err != nil {
		t.Fatalf("stop watching: %v", err)
	}
	c := acquire(t, s, bid("a"), long)
	save(t, s, c, entry(s, c, 1, `{"flags":[1]}`))
	hints, _ = listen(t, s)
	within(t, hints)
	if got := record(t, s).Head.Seq; got != 1 {
		t.Errorf("seq %d after the first hint of a new watch, want 1", got)
	}
}
