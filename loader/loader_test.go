package loader_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestFollowsUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Delay: time.Second, Times: 1})
		l := start(t, srv, loader.Config{})

		synctest.Wait()
		if got := l.Status(); got.State != loader.Loading || l.Rules() != nil || got.Cause == nil {
			t.Errorf("while the first request is under way: state %v, rules %v, cause %v", got.State, l.Rules(), got.Cause)
		}
		began := time.Now()
		if err := l.WaitUntilReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		first := l.Rules()
		want := loader.Status{
			State:     loader.Current,
			Source:    loader.FromUpstream,
			Revision:  flagdef.RevisionOf([]byte(documentA)),
			ETag:      l.Status().ETag,
			Flags:     2,
			FetchedAt: began.Add(time.Second),
			CheckedAt: began, // when it was asked for, not when it came
			Age:       time.Second,
			Full:      1,
		}
		if diff := cmp.Diff(l.Status(), want); diff != "" || want.ETag == "" {
			t.Errorf("status (-got +want):\n%s", diff)
		}

		time.Sleep(time.Minute)
		synctest.Wait()
		if got := l.Status(); got.NotModified == 0 || got.Full != 1 || got.Age > 34*time.Second || l.Rules() != first {
			t.Errorf("unchanged upstream: %+v; want the same rules, confirmed", got)
		}

		srv.SetDefinitions([]byte(documentB))
		time.Sleep(33 * time.Second)
		synctest.Wait()
		if got := l.Status(); got.Revision != flagdef.RevisionOf([]byte(documentB)) || l.Rules() == first || got.Full != 2 {
			t.Errorf("changed upstream: %+v; want the new document within one interval", got)
		}
	})
}

// R18: polls of a fleet that was started together must not stay together.
func TestPollsAreJittered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		ready(t, srv, loader.Config{PollInterval: 10 * time.Second})
		time.Sleep(10 * time.Minute)
		synctest.Wait()

		gaps := map[time.Duration]bool{}
		requests := srv.Requests()
		for i, r := range requests[1:] {
			gap := r.Time.Sub(requests[i].Time)
			gaps[gap] = true
			if gap < 9*time.Second || gap > 11*time.Second {
				t.Errorf("poll %d after %v, want 10s ± 10%%", i+1, gap)
			}
			if r.Kind != posthogtest.NotModified {
				t.Errorf("poll %d was answered %v, want not modified", i+1, r.Kind)
			}
		}
		if len(requests) < 55 || len(gaps) < 30 {
			t.Errorf("%d polls with %d different gaps in 10 minutes", len(requests), len(gaps))
		}
	})
}

func TestWaitUntilReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Status: 503})
		l := start(t, srv, loader.Config{})

		err := l.WaitUntilReady(within(t, time.Second))
		if !errors.Is(err, context.DeadlineExceeded) || posthogapi.KindOf(err) != posthogapi.Unavailable {
			t.Errorf("got %v, want the deadline and the reason", err)
		}
		if got := l.Status(); got.State != loader.Empty || got.Failed != 1 {
			t.Errorf("between two failing requests: %+v, want state empty", got)
		}
		srv.Recover()
		if err := l.WaitUntilReady(within(t, time.Minute)); err != nil {
			t.Errorf("after recovery: %v", err)
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		l := ready(t, srv, loader.Config{})
		srv.SetDefinitions([]byte(documentB))
		if err := l.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := l.Status().Revision, flagdef.RevisionOf([]byte(documentB)); got != want {
			t.Errorf("after Reload: revision %v, want %v", got.Short(), want.Short())
		}

		srv.Fail(posthogtest.Failure{Status: 401, Times: 1})
		if err := l.Reload(t.Context()); posthogapi.KindOf(err) != posthogapi.Unauthorized {
			t.Errorf("got %v, want the failure of that request", err)
		}
		// Backoff does not hold up who asks: the key may just have been mended.
		before := time.Now()
		if err := l.Reload(t.Context()); err != nil || time.Since(before) != 0 {
			t.Errorf("Reload during backoff: %v after %v, want success at once", err, time.Since(before))
		}

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		asked := len(srv.Requests())
		if err := l.Reload(ended); !errors.Is(err, context.Canceled) || len(srv.Requests()) != asked {
			t.Errorf("with an ended context: %v and %d requests", err, len(srv.Requests())-asked)
		}
	})
}

// An answer that was asked for before the call may be older than what the
// caller has just changed: it must not satisfy a Reload.
func TestReloadWantsALaterAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Delay: 5 * time.Second})
		l := start(t, srv, loader.Config{})
		synctest.Wait() // the first request is under way, and settled to be documentA
		srv.SetDefinitions([]byte(documentB))

		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := l.Reload(t.Context()); err != nil {
					t.Error(err)
				}
				if got, want := l.Status().Revision, flagdef.RevisionOf([]byte(documentB)); got != want {
					t.Errorf("Reload returned with revision %v, want %v", got.Short(), want.Short())
				}
			})
		}
		wg.Wait()
		if got := len(srv.Requests()); got != 2 {
			t.Errorf("%d requests, want the one under way and one for all ten callers", got)
		}
		time.Sleep(20 * time.Second)
		if got := len(srv.Requests()); got != 2 {
			t.Errorf("%d requests, want no echo of the calls", got)
		}
	})
}

func TestReloadGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		l := ready(t, srv, loader.Config{})
		srv.Fail(posthogtest.Failure{Delay: 5 * time.Second})
		if err := l.Reload(within(t, time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		time.Sleep(5 * time.Second)
		if got := l.Status(); got.Failed != 0 || got.NotModified != 1 {
			t.Errorf("the request went down with its caller: %+v", got)
		}
	})
}

// R12: after Close nothing is under way, and nothing waits for ever.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		l := ready(t, srv, loader.Config{})
		srv.Fail(posthogtest.Failure{Delay: time.Hour})
		srv.SetDefinitions([]byte(documentB))
		reloaded := make(chan error, 1)
		go func() { reloaded <- l.Reload(t.Context()) }()
		synctest.Wait()

		before := time.Now()
		for range 2 {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(before); took != 0 {
			t.Errorf("Close took %v, want it to cancel the request", took)
		}
		if err := <-reloaded; !errors.Is(err, loader.ErrClosed) {
			t.Errorf("the Reload under way: got %v, want ErrClosed", err)
		}
		if err := l.Reload(t.Context()); !errors.Is(err, loader.ErrClosed) {
			t.Errorf("Reload after Close: got %v, want ErrClosed", err)
		}
		if err := l.WaitUntilReady(t.Context()); err != nil {
			t.Errorf("WaitUntilReady after Close, with rules: %v", err)
		}
		got := l.Status()
		if got.State != loader.Closed || got.Failed != 0 || got.Flags != 2 || l.Rules() == nil {
			t.Errorf("after Close: %+v; want the rules kept and no failure", got)
		}
	})
}

func TestCloseBeforeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Delay: time.Hour})
		l := start(t, srv, loader.Config{})
		waited := make(chan error, 1)
		go func() { waited <- l.WaitUntilReady(t.Context()) }()
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-waited; !errors.Is(err, loader.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}

func TestOneGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		start(t, nil, loader.Config{Upstream: upstreamFunc(func(context.Context, string) (flagcache.Answer, error) {
			return flagcache.Answer{Body: []byte(documentA)}, nil
		})})
		time.Sleep(10 * time.Minute)
		if got := runtime.NumGoroutine() - before; got != 1 {
			t.Errorf("the loader runs %d goroutines, want 1", got)
		}
	})
}

func TestUpstreamSeesValuesOfTheContext(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "trace"))
		l, err := loader.New(ctx, loader.Config{Upstream: upstreamFunc(func(ctx context.Context, _ string) (flagcache.Answer, error) {
			if got := ctx.Value(key{}); got != "trace" || ctx.Err() != nil {
				t.Errorf("upstream got value %v and error %v", got, ctx.Err())
			}
			return flagcache.Answer{Body: []byte(documentA)}, nil
		})})
		cancel() // bounds New, not the loader
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := l.Status(); got.Full < 2 {
			t.Errorf("%+v, want polls to go on after New's context has ended", got)
		}
		_ = l.Close()
	})
}

// A 304 may bring a new validator for the same document, and makes no sense
// where none was sent.
func TestNotModified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []flagcache.Answer{
			{NotModified: true},
			{Body: []byte(documentA), ETag: `"1"`},
			{NotModified: true, ETag: `"2"`},
			{NotModified: true, ETag: `"2"`},
		}
		var sent []string
		l := start(t, nil, loader.Config{Upstream: upstreamFunc(func(_ context.Context, etag string) (flagcache.Answer, error) {
			sent = append(sent, etag)
			return answers[len(sent)-1], nil
		})})
		synctest.Wait()
		if got := l.Status(); got.Failed != 1 || got.Cause == nil || l.Rules() != nil {
			t.Errorf("not modified, with nothing held: %+v, want a failure", got)
		}
		for range 3 {
			if err := l.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if diff := cmp.Diff(sent, []string{"", "", `"1"`, `"2"`}); diff != "" || l.Status().ETag != `"2"` {
			t.Errorf("ETags sent (-got +want):\n%s", diff)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	upstream := upstreamFunc(func(context.Context, string) (flagcache.Answer, error) {
		t.Error("asked")
		return flagcache.Answer{}, nil
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		cfg  loader.Config
		want string
	}{
		{"no upstream", t.Context(), loader.Config{}, "Upstream is nil"},
		{"too fast", t.Context(), loader.Config{Upstream: upstream, PollInterval: time.Millisecond}, "at least 100ms"},
		{"negative interval", t.Context(), loader.Config{Upstream: upstream, PollInterval: -time.Second}, "at least 100ms"},
		{"file of nobody", t.Context(), loader.Config{Upstream: upstream, File: "x"}, "ProjectToken and Host"},
		{"bad bootstrap", t.Context(), loader.Config{Upstream: upstream, Bootstrap: []byte(`{}`)}, "use Bootstrap"},
		{"ended context", ended, loader.Config{Upstream: upstream}, "context canceled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loader.New(tt.ctx, tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	got := fmt.Sprint(loader.Empty, loader.Loading, loader.Current, loader.Stale, loader.Closed, loader.State(99),
		loader.NoSource, loader.Bootstrap, loader.File, loader.FromStore, loader.FromUpstream, loader.Source(99))
	if want := "empty loading current stale closed state 99 none bootstrap file store upstream source 99"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
