package hogflags_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// quiet is a store without push that counts looks.
type quiet struct {
	flagcache.Store
	looks atomic.Int64
}

func (q *quiet) Record(ctx context.Context) (flagcache.Record, error) {
	q.looks.Add(1)
	return q.Store.Record(ctx)
}

// frozen is a client that does nothing by itself for as long as a test lasts, as a
// process that is frozen between requests, on a store that somebody else fills.
func frozen(t *testing.T, srv *posthogtest.Server, store flagcache.Store, set func(*hogflags.Config)) *hogflags.Client {
	t.Helper()
	return newClient(t, srv, func(cfg *hogflags.Config) {
		cfg.SecretKey = ""
		cfg.OnlyEvaluateLocally = true
		cfg.Cache = newFleet(t, store, flagcache.Options{ReadOnly: true, Interval: 48 * time.Hour})
		if set != nil {
			set(cfg)
		}
	})
}

// A process that was frozen answers from what the store holds when it thaws, for
// a look at its head, and not from what it had when it froze; PostHog is not asked.
func TestFreshenAfterAThaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		under := newStore(t, srv)
		down := &breakable{Store: under}
		store := &quiet{Store: down}
		writer := newMember(t, srv, under, flagcache.Options{})
		wait(t, writer)
		client := frozen(t, srv, store, nil)
		wait(t, client)
		if !isOn(t, client) {
			t.Fatal("the flag is off from the start")
		}
		looks := store.looks.Load()
		freshen := func(want int64) {
			t.Helper()
			if err := client.Freshen(t.Context(), time.Minute); err != nil {
				t.Error(err)
			}
			if got := store.looks.Load() - looks; got != want {
				t.Errorf("%d looks, want %d", got, want)
			}
			looks = store.looks.Load()
		}
		freshen(0) // what was just read is young

		off(t, srv)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if !isOn(t, client) {
			t.Fatal("a frozen process followed by itself: the test shows nothing")
		}
		freshen(1)
		if isOn(t, client) {
			t.Error("after a thaw it answers from what it had before it froze")
		}
		freshen(0)

		// Callers that come together share the look.
		time.Sleep(2 * time.Hour)
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if err := client.Freshen(t.Context(), time.Minute); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got := store.looks.Load() - looks; got != 1 {
			t.Errorf("%d looks of ten callers, want those of one", got)
		}
	})
}

// A store that is down costs a bounded number of looks, and the answers stay. When
// nobody has confirmed the definitions for long, each limit has one look.
func TestFreshenWithoutNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		down := &breakable{Store: newStore(t, srv)}
		store := &quiet{Store: down}
		writer := newMember(t, srv, down.Store, flagcache.Options{})
		wait(t, writer)
		client := frozen(t, srv, store, nil)
		wait(t, client)
		if err := writer.Close(); err != nil { // nobody confirms any more
			t.Fatal(err)
		}
		requests := len(srv.Requests())
		time.Sleep(time.Hour)
		looks := store.looks.Load()
		for range 120 { // two minutes of requests
			if err := client.Freshen(t.Context(), time.Minute); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		if got := store.looks.Load() - looks; got < 2 || got > 6 {
			t.Errorf("%d looks in two minutes, want at most two a minute", got)
		}

		down.set(true)
		time.Sleep(time.Hour)
		looks = store.looks.Load()
		failed := 0
		for range 60 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if client.Freshen(ctx, time.Minute) != nil {
				failed++
			}
			cancel()
			if !isOn(t, client) {
				t.Fatal("the answer is gone with the store")
			}
			time.Sleep(time.Second)
		}
		if failed < 50 {
			t.Errorf("%d of 60 say that the store is down", failed)
		}
		if got := store.looks.Load() - looks; got > 200 {
			t.Errorf("%d looks at a store that is down", got)
		}
		down.set(false)
		time.Sleep(time.Minute)
		if err := client.Freshen(t.Context(), time.Minute); err != nil {
			t.Errorf("after the store is back: %v", err)
		}
		if got := len(srv.Requests()); got != requests {
			t.Errorf("%d requests to PostHog of a client that only reads", got-requests)
		}
	})
}

// A client starts from a document in the program while the store is empty or down,
// takes the store's as soon as there is one, and never asks PostHog.
func TestFreshenFromABundledDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		bundled := srv.Definitions()
		down := &breakable{Store: newStore(t, srv)}
		down.set(true)
		client := frozen(t, srv, down, func(cfg *hogflags.Config) { cfg.Bootstrap = bundled })
		if !isOn(t, client) || client.Status().Source != loader.Bootstrap {
			t.Errorf("at once: %+v", client.Status())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := client.Freshen(ctx, time.Minute); err == nil {
			t.Error("nothing says that the store is down")
		}
		down.set(false)
		off(t, srv)
		writer := newMember(t, srv, down.Store, flagcache.Options{})
		wait(t, writer)
		requests := len(srv.Requests())
		time.Sleep(time.Minute)
		if err := client.Freshen(t.Context(), time.Minute); err != nil || isOn(t, client) {
			t.Errorf("with a store: %v, %+v", err, client.Status())
		}
		for _, r := range srv.Requests()[requests:] {
			if r.Header.Get("If-None-Match") == "" {
				t.Errorf("somebody else than the writer asked PostHog: %+v", r)
			}
		}
	})
}

func TestFreshenEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		client := frozen(t, srv, newStore(t, srv), nil)
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := client.Freshen(ctx, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("freshen with an ended context: %v", err)
		}
		remote, err := hogflags.New(t.Context(), hogflags.Config{ProjectToken: "phc_x", HTTPClient: &http.Client{}})
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Freshen(t.Context(), 0); err != nil {
			t.Errorf("freshen without definitions: %v", err)
		}
	})
}

// Who gives up waiting has learned nothing of the source: the next caller looks.
func TestFreshenIsNotGivenUpForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store := newStore(t, srv)
		writer := newMember(t, srv, store, flagcache.Options{})
		wait(t, writer)
		slow := &slow{Store: store}
		client := frozen(t, srv, slow, nil)
		wait(t, client)
		off(t, srv)
		time.Sleep(2 * time.Hour)

		slow.takes.Store(int64(time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		if err := client.Freshen(ctx, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("the impatient one: %v", err)
		}
		if err := client.Freshen(t.Context(), time.Minute); err != nil || isOn(t, client) {
			t.Errorf("the next one: %v, and the flag is on: %v; want it to have looked", err, isOn(t, client))
		}
	})
}

// slow is a store whose looks take a time.
type slow struct {
	flagcache.Store
	takes atomic.Int64
}

func (s *slow) Record(ctx context.Context) (flagcache.Record, error) {
	time.Sleep(time.Duration(s.takes.Load()))
	return s.Store.Record(ctx)
}

// off turns the flag off in PostHog.
func off(t *testing.T, srv *posthogtest.Server) {
	t.Helper()
	if err := srv.SetRollout("on", 0); err != nil {
		t.Fatal(err)
	}
}
