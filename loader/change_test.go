package loader_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestOnChange(t *testing.T) {
	steps := []struct {
		document string
		want     *loader.Change // without revisions; nil: no call
	}{
		{documentA, &loader.Change{Keys: []string{"a", "b"}, Shared: true}},
		{documentA, nil},
		{documentB, &loader.Change{Keys: []string{"a", "b", "c"}}},
		{`{"flags":[{"key":"c","active":true,"filters":{}}, {"key": "a","active":false,"filters":{ }}],"cohorts":{ }}`, &loader.Change{}}, // order and blanks alone
		{`{"flags":[{"key":"c","active":true,"filters":{}},{"key":"a","active":false,"filters":{}}],"cohorts":{"1":{}}}`, &loader.Change{Shared: true}},
		{`{"flags":[],"cohorts":{"1":{}}}`, &loader.Change{Keys: []string{"a", "c"}}},
		{`{"flags":[{"key":"d","active":true,"future":1}],"cohorts":{"1":{}}}`, &loader.Change{Keys: []string{"d"}}},
		{`{"flags":[{"key":"d","active":true,"future":2}],"cohorts":{"1":{}}}`, &loader.Change{Keys: []string{"d"}}},
	}
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Delay: time.Second, Times: 1})
		l := start(t, srv, loader.Config{})
		synctest.Wait() // the first answer is on its way
		var got []loader.Change
		stop := l.OnChange(func(c loader.Change) {
			if s := l.Status(); s.State != loader.Current || s.Revision != c.Revision {
				t.Errorf("during the call: %+v, want the new document applied", s)
			}
			got = append(got, c)
		})
		var previous flagdef.Revision
		for i, step := range steps {
			srv.SetDefinitions([]byte(step.document))
			if i == 0 {
				time.Sleep(time.Second)
			} else if err := l.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			var want []loader.Change
			if step.want != nil {
				c := *step.want
				c.Previous, c.Revision = previous, flagdef.RevisionOf([]byte(step.document))
				previous = c.Revision
				want = append(want, c)
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("step %d (-got +want):\n%s", i, diff)
			}
			got = nil
		}

		stop()
		stop()
		srv.SetDefinitions([]byte(documentA))
		if err := l.Reload(t.Context()); err != nil || got != nil {
			t.Errorf("after stop: %v, %v", got, err)
		}
	})
}

// handler runs a function for each record.
type handler func(slog.Record)

func (handler) Enabled(context.Context, slog.Level) bool        { return true }
func (h handler) Handle(_ context.Context, r slog.Record) error { h(r); return nil }
func (h handler) WithAttrs([]slog.Attr) slog.Handler            { return h }
func (h handler) WithGroup(string) slog.Handler                 { return h }

// Who subscribes to a loader that is ready is not told of the first load, also
// when the loader has not yet told those who waited for it.
func TestOnChangeAfterReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		var late []loader.Change
		var l *loader.Loader
		started := make(chan struct{})
		l = start(t, srv, loader.Config{Logger: slog.New(handler(func(r slog.Record) {
			if r.Message != "definitions changed" || late != nil {
				return
			}
			<-started
			if err := l.WaitUntilReady(t.Context()); err != nil {
				t.Error(err)
			}
			late = []loader.Change{}
			l.OnChange(func(c loader.Change) { late = append(late, c) })
		}))})
		close(started)
		synctest.Wait()
		if late == nil || len(late) > 0 {
			t.Errorf("told of %+v, want an empty list", late)
		}
		srv.SetDefinitions([]byte(documentB))
		if err := l.Reload(t.Context()); err != nil || len(late) != 1 {
			t.Errorf("after an edit: %v, told of %+v, want the edit", err, late)
		}
	})
}

func TestOnChangeOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		l := ready(t, srv, loader.Config{})
		synctest.Wait()
		var calls []string
		for i := range 3 {
			stop := l.OnChange(func(loader.Change) { calls = append(calls, fmt.Sprint(i)) })
			defer stop()
		}
		srv.SetDefinitions([]byte(documentB))
		if err := l.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(calls, []string{"0", "1", "2"}); diff != "" {
			t.Errorf("calls (-got +want):\n%s", diff)
		}
	})
}
