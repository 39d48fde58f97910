package publish_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/flagcache/publish"
	"github.com/hogflags/hogflags/internal/cloudflaretest"
)

// posthog answers every member of a fleet with the same document.
type posthog struct {
	mu    sync.Mutex
	body  string
	err   error
	asked int
}

func (p *posthog) set(body string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body, p.err = body, err
}

func (p *posthog) Fetch(_ context.Context, etag string) (flagcache.Answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	now := flagcache.RevisionOf([]byte(p.body)).Short()
	switch {
	case p.err != nil:
		return flagcache.Answer{}, p.err
	case etag == now:
		return flagcache.Answer{NotModified: true}, nil
	}
	return flagcache.Answer{Body: []byte(p.body), ETag: now}, nil
}

// serving is the sink of a member.
type serving struct {
	start *flagcache.Entry
	body  atomic.Pointer[string]
}

func (s *serving) Current() *flagcache.Entry    { return s.start }
func (s *serving) Check(*flagcache.Entry) error { return nil }
func (s *serving) Notice(flagcache.Status)      {}
func (s *serving) Apply(e *flagcache.Entry) error {
	text := string(e.Body)
	s.body.Store(&text)
	return nil
}

// link is a member's way to a store, which can be cut.
type link struct {
	*memorycache.Store
	cut atomic.Bool
}

var errCut = errors.New("no route to the store")

func (l *link) Renew(ctx context.Context, c flagcache.Claim, ttl time.Duration) (flagcache.Record, error) {
	if l.cut.Load() {
		return flagcache.Record{}, errCut
	}
	return l.Store.Renew(ctx, c, ttl)
}

func (l *link) Record(ctx context.Context) (flagcache.Record, error) {
	if l.cut.Load() {
		return flagcache.Record{}, errCut
	}
	return l.Store.Record(ctx)
}

func (l *link) Confirm(ctx context.Context, c flagcache.Claim, h flagcache.Head) (flagcache.Record, error) {
	if l.cut.Load() {
		return flagcache.Record{}, errCut
	}
	return l.Store.Confirm(ctx, c, h)
}

func (l *link) Release(ctx context.Context, c flagcache.Claim) (flagcache.Record, error) {
	if l.cut.Load() {
		return flagcache.Record{}, errCut
	}
	return l.Store.Release(ctx, c)
}

// member is a process of a fleet that publishes.
type member struct {
	*publish.Leader
	serving serving
	link    *link
	stop    func()
}

func join(t *testing.T, store *memorycache.Store, up flagcache.Upstream, to flagcache.Publisher, start *flagcache.Entry) *member {
	t.Helper()
	m := &member{link: &link{Store: store}}
	m.serving.start = start
	fleet, err := flagcache.New(m.link, flagcache.Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		m.Leader, err = publish.NewLeader(fleet, to, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx, up, &m.serving) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(m.stop)
	return m
}

func newStore(t *testing.T) *memorycache.Store {
	t.Helper()
	store, err := memorycache.New(scope)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func published(t *testing.T, api *cloudflaretest.API) *flagcache.Entry {
	t.Helper()
	e, err := namespace(t, api).Load(t.Context())
	if err != nil {
		t.Fatalf("load what is published: %v", err)
	}
	return e
}

func doc(n int) string { return fmt.Sprintf(`{"flags":[],"n":%d}`, n) }

func settled(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// The leader alone writes: each document once, again a minute after it began to
// lead, and every ten minutes from then on.
func TestLeaderPublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, up, store := cloudflaretest.New(), &posthog{body: doc(1)}, newStore(t)
		var members []*member
		for range 3 {
			members = append(members, join(t, store, up, namespace(t, api), nil))
		}
		settled(5 * time.Second)
		first := published(t, api)
		if string(first.Body) != doc(1) || api.Writes() != 1 {
			t.Errorf("published %s by %d writes, want the first document by one", first.Body, api.Writes())
		}
		up.set(doc(2), nil)
		settled(40 * time.Second)
		second := published(t, api)
		if string(second.Body) != doc(2) || !second.After(first.Position) || api.Writes() != 2 {
			t.Errorf("published %s at %v by %d writes, want the second document", second.Body, second.Position, api.Writes())
		}
		settled(30 * time.Minute)
		if got := api.Writes(); got < 4 || got > 6 {
			t.Errorf("%d writes after half an hour without a change, want one in ten minutes", got)
		}
		last := published(t, api)
		if age := time.Since(last.CheckedAt); age > publish.ConfirmAfter+time.Minute || !last.FetchedAt.Equal(second.FetchedAt) {
			t.Errorf("published as confirmed %v ago, fetched %v, want a fresh confirmation of the same document", age, last.FetchedAt)
		}
		var writers, writes int
		for _, m := range members {
			if s := m.Published(); s.Written > 0 {
				writers++
				writes += int(s.Written)
				if s.Err != nil || s.Revision != last.Revision || s.Failed+s.Superseded != 0 {
					t.Errorf("state %+v", s)
				}
			}
		}
		if writers != 1 || writes != api.Writes() {
			t.Errorf("%d members counted %d writes, want one all %d", writers, writes, api.Writes())
		}
	})
}

// A new leader publishes what the store has, above what the former one wrote, also
// while PostHog is down; the former one, cut off from the store and not from the
// place, writes nothing any more.
func TestLeaderChanges(t *testing.T) {
	for _, how := range []string{"stopped", "cut off"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, up, store := cloudflaretest.New(), &posthog{body: doc(1)}, newStore(t)
				former := join(t, store, up, namespace(t, api), nil)
				settled(5 * time.Second)
				next := join(t, store, up, namespace(t, api), nil)
				settled(5 * time.Second)
				before := published(t, api)
				up.set("", errors.New("PostHog is down"))
				if how == "stopped" {
					former.stop()
				} else {
					former.link.cut.Store(true)
				}
				settled(20 * time.Second)
				after := published(t, api)
				if next.Published().Written != 1 || after.Epoch <= before.Epoch || after.Revision != before.Revision {
					t.Errorf("the new leader: %+v; published %v after %v", next.Published(), after.Position, before.Position)
				}
				former.link.cut.Store(false)
				up.set(doc(2), nil)
				settled(10 * time.Minute)
				if got := published(t, api); string(got.Body) != doc(2) || got.Epoch < after.Epoch || former.Published().Written > 2 {
					t.Errorf("published %s under %d, and the former leader wrote %d; want the second document under %d or a later one",
						got.Body, got.Epoch, former.Published().Written, after.Epoch)
				}
			})
		})
	}
}

// What fails or hangs where it is published delays no definitions. When it answers
// again it gets the latest, and nothing of what was in between.
func TestLeaderWithoutThePlace(t *testing.T) {
	for name, fault := range map[string]func(*cloudflaretest.API){
		"fails": func(api *cloudflaretest.API) {
			for range 40 {
				api.Fail = append(api.Fail, func(w http.ResponseWriter) { cloudflaretest.Refuse(w, 503, 1, "down") })
			}
		},
		"refuses the token": func(api *cloudflaretest.API) {
			for range 8 {
				api.Fail = append(api.Fail, func(w http.ResponseWriter) { cloudflaretest.Refuse(w, 403, 1, "no") })
			}
		},
		"asks to be left alone": func(api *cloudflaretest.API) {
			for range 3 {
				api.Fail = append(api.Fail, func(w http.ResponseWriter) {
					w.Header().Set("Retry-After", "60")
					cloudflaretest.Refuse(w, 429, 1, "too many")
				})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, up, store := cloudflaretest.New(), &posthog{body: doc(1)}, newStore(t)
				fault(api)
				m := join(t, store, up, namespace(t, api), nil)
				for n := range 4 {
					up.set(doc(n), nil)
					settled(40 * time.Second)
					if got := *m.serving.body.Load(); got != doc(n) {
						t.Errorf("serves %s, want %s", got, doc(n))
					}
				}
				settled(30 * time.Minute)
				if got := published(t, api); string(got.Body) != doc(3) {
					t.Errorf("published %s, want the latest", got.Body)
				}
				if s := m.Published(); s.Failed == 0 || s.Err != nil {
					t.Errorf("state %+v, want failures, and none now", s)
				}
				var puts int
				for _, r := range api.Requests() {
					if strings.HasPrefix(r, http.MethodPut) {
						puts++
					}
				}
				if puts > 6 {
					t.Errorf("%d writes, want the latest document alone: %v", puts, api.Requests())
				}
			})
		})
	}
}

// A place that hangs ends with the process, before the lease is given back.
func TestLeaderStopsWhileThePlaceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, up, store := cloudflaretest.New(), &posthog{body: doc(1)}, newStore(t)
		api.Slow = time.Hour
		m := join(t, store, up, namespace(t, api), nil)
		settled(5 * time.Second)
		from := time.Now()
		m.stop()
		rec, err := store.Record(t.Context())
		if took := time.Since(from); err != nil || rec.Live() || took > time.Second {
			t.Errorf("stopped after %v with %+v, %v, want the lease free at once", took, rec.Lease, err)
		}
	})
}

// Where another writer is ahead, a document goes above its only once PostHog has
// confirmed it since: what was asked for before may be older.
func TestLeaderBehindAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, up, store := cloudflaretest.New(), &posthog{body: doc(1)}, newStore(t)
		m := join(t, store, up, namespace(t, api), nil)
		settled(5 * time.Second)
		other := flagcache.NewEntry(scope, []byte(doc(2)), "other")
		other.Position = flagcache.Position{Epoch: uint64(time.Now().Add(time.Hour).UnixMicro()), Seq: 9}
		if err := namespace(t, api).Publish(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		up.set(doc(3), errors.New("down"))
		settled(5 * time.Minute)
		if got := published(t, api); got.Position != other.Position || m.Published().Superseded == 0 {
			t.Errorf("published %s at %v, state %+v; want the other's to stay while PostHog is down", got.Body, got.Position, m.Published())
		}
		up.set(doc(3), nil)
		settled(time.Hour)
		if got := published(t, api); string(got.Body) != doc(3) || !got.After(other.Position) || m.Published().Err != nil {
			t.Errorf("published %s at %v, state %+v; want PostHog's, above the other's", got.Body, got.Position, m.Published())
		}
	})
}

// A pin reaches the place at once, also while PostHog is down, and so does its end.
func TestLeaderPublishesPins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, up, store := cloudflaretest.New(), &posthog{body: doc(1)}, newStore(t)
		join(t, store, up, namespace(t, api), nil)
		settled(5 * time.Second)
		up.set(doc(2), nil)
		settled(40 * time.Second)
		latest := published(t, api)
		up.set("", errors.New("down"))
		settled(time.Minute)
		if _, _, err := flagcache.PinRevision(t.Context(), store, flagcache.Previous, "ada", "broken"); err != nil {
			t.Fatal(err)
		}
		settled(3 * time.Second)
		pinned := published(t, api)
		if string(pinned.Body) != doc(1) || !pinned.After(latest.Position) {
			t.Errorf("published %s at %v, want the pinned document, after %v", pinned.Body, pinned.Position, latest.Position)
		}
		if _, err := flagcache.Unpin(t.Context(), store, "ada", "fixed"); err != nil {
			t.Fatal(err)
		}
		settled(3 * time.Second)
		if got := published(t, api); string(got.Body) != doc(2) || !got.After(pinned.Position) {
			t.Errorf("published %s at %v, want the latest again", got.Body, got.Position)
		}
	})
}

// A document of a file, which nobody has confirmed, is not put over what is
// published, whoever leads.
func TestLeaderKeepsAFileToItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, up, store := cloudflaretest.New(), &posthog{err: errors.New("down")}, newStore(t)
		good := flagcache.NewEntry(scope, []byte(doc(2)), "2")
		good.Position = flagcache.Position{Epoch: 7, Seq: 1}
		if err := namespace(t, api).Publish(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		old := flagcache.NewEntry(scope, []byte(doc(1)), "1")
		old.CheckedAt = time.Now().Add(-time.Hour)
		join(t, store, up, namespace(t, api), old)
		settled(20 * time.Minute)
		if got := published(t, api); got.Position != good.Position {
			t.Errorf("published %s at %v, want it left", got.Body, got.Position)
		}
		up.set(doc(1), nil)
		settled(2 * time.Hour)
		if got := published(t, api); string(got.Body) != doc(1) {
			t.Errorf("published %s, want what PostHog says now", got.Body)
		}
	})
}

// breaking panics.
type breaking struct{ flagcache.Publisher }

func (breaking) Publish(context.Context, *flagcache.Entry) error { panic("a bug") }

func TestLeaderSurvivesABrokenPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := join(t, newStore(t), &posthog{body: doc(1)}, breaking{namespace(t, cloudflaretest.New())}, nil)
		settled(time.Minute)
		if s := m.Published(); s.Err == nil || !strings.Contains(s.Err.Error(), "a bug") || s.Failed < 3 || s.Failed > 10 {
			t.Errorf("state %+v", s)
		}
	})
}

func TestNewLeaderRefuses(t *testing.T) {
	fleet, err := flagcache.New(newStore(t), flagcache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publish.NewLeader(nil, namespace(t, cloudflaretest.New()), nil); err == nil {
		t.Error("no fleet")
	}
	elsewhere := foreign{namespace(t, cloudflaretest.New())}
	if _, err := publish.NewLeader(fleet, elsewhere, nil); err == nil || !strings.Contains(err.Error(), "different") {
		t.Errorf("another scope: %v", err)
	}
}

type foreign struct{ flagcache.Publisher }

func (foreign) Scope() flagcache.Scope { return flagcache.Scope{Project: "phc_y", Host: scope.Host} }
