package hogflags_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func newStore(t *testing.T, srv *posthogtest.Server) *memorycache.Store {
	t.Helper()
	store, err := memorycache.New(flagcache.Scope{Project: posthogtest.ProjectToken, Host: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func newFleet(t *testing.T, store flagcache.Store, o flagcache.Options) flagcache.Coordinator {
	t.Helper()
	c, err := flagcache.New(store, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newMember is a client on a store.
func newMember(t *testing.T, srv *posthogtest.Server, store flagcache.Store, o flagcache.Options) *hogflags.Client {
	t.Helper()
	return newClient(t, srv, func(cfg *hogflags.Config) { cfg.Cache = newFleet(t, store, o) })
}

func wait(t *testing.T, clients ...*hogflags.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, c := range clients {
		if err := c.WaitUntilReady(ctx); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	synctest.Wait()
}

// leader is the index of the one client that leads.
func leader(t *testing.T, clients []*hogflags.Client) int {
	t.Helper()
	led := -1
	for i, c := range clients {
		if c.Status().State != loader.Closed && c.Status().Role == flagcache.RoleLeader {
			if led >= 0 {
				t.Errorf("clients %d and %d both lead", led, i)
			}
			led = i
		}
	}
	if led < 0 {
		t.Fatal("nobody leads")
	}
	return led
}

func isOn(t *testing.T, c *hogflags.Client) bool {
	t.Helper()
	on, err := c.IsFeatureEnabled(t.Context(), "on", pro("u"))
	if err != nil {
		t.Error(err)
	}
	return on
}

func TestFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store := newStore(t, srv)
		clients := make([]*hogflags.Client, 5)
		for i := range clients {
			clients[i] = newMember(t, srv, store, flagcache.Options{Name: fmt.Sprint("client ", i)})
		}
		wait(t, clients...)
		first := leader(t, clients)
		for i, c := range clients {
			s := c.Status()
			want := loader.FromStore
			if i == first {
				want = loader.FromUpstream
			}
			if s.State != loader.Current || s.Cause != nil || s.Source != want || s.Position.Seq != 1 || s.Flags != 5 || s.ETag == "" {
				t.Errorf("client %d: %+v, want it current from %v", i, s, want)
			}
			if want := fmt.Sprint("client ", first); s.Leader != want {
				t.Errorf("client %d says %q leads, want %q", i, s.Leader, want)
			}
		}
		if got := len(srv.Requests()); got != 1 || srv.Count(posthogtest.Full) != 1 {
			t.Errorf("%d requests at the start, %d full; want one", got, srv.Count(posthogtest.Full))
		}

		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := len(srv.Requests()); got < 10 || got > 11 || srv.Count(posthogtest.Full) != 1 {
			t.Errorf("%d requests in 5 minutes, %d full; want one per interval, conditional", got, srv.Count(posthogtest.Full))
		}
		for i, c := range clients {
			if s := c.Status(); s.Age > 34*time.Second {
				t.Errorf("client %d: age %v, want it confirmed through the store", i, s.Age)
			}
		}

		if err := srv.SetActive("on", false); err != nil {
			t.Fatal(err)
		}
		if err := clients[(first+1)%5].ReloadFeatureFlags(t.Context()); err != nil { // asks the leader
			t.Error(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for i, c := range clients {
			if isOn(t, c) {
				t.Errorf("client %d has not seen the edit", i)
			}
		}

		before := len(srv.Requests())
		if err := clients[first].Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		next := leader(t, clients)
		if next == first {
			t.Error("the closed client leads")
		}
		if got := len(srv.Requests()) - before; got > 1 {
			t.Errorf("the take-over took %d requests, want at most one", got)
		}
		if s := clients[first].Status(); s.State != loader.Closed || isOn(t, clients[first]) {
			t.Errorf("closed client: %+v, want it to answer as before", s)
		}
	})
}

// A leader that is killed gives nothing back: its lease has to run out.
func TestFleetOutlivesAKilledLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store := newStore(t, srv)
		claimed := &unreleasing{Store: store}
		clients := []*hogflags.Client{newMember(t, srv, claimed, flagcache.Options{})}
		wait(t, clients...)
		clients = append(clients, newMember(t, srv, store, flagcache.Options{}))
		wait(t, clients...)
		if err := clients[0].Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if leader(t, clients) != 1 {
			t.Error("nobody took over within 15 s")
		}
	})
}

// unreleasing is a store that a killed process leaves behind.
type unreleasing struct{ flagcache.Store }

func (*unreleasing) Release(context.Context, flagcache.Claim) (flagcache.Record, error) {
	return flagcache.Record{}, errors.New("killed")
}

// A client that only reads needs no key, and never asks PostHog.
func TestReadOnlyCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store := newStore(t, srv)
		reader := newClient(t, srv, func(cfg *hogflags.Config) {
			cfg.SecretKey = ""
			cfg.Cache = newFleet(t, store, flagcache.Options{ReadOnly: true})
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, err := reader.GetFeatureFlag(t.Context(), "on", pro("u")); !errors.Is(err, hogflags.ErrNotReady) {
			t.Errorf("with an empty store: %v, want ErrNotReady", err)
		}
		if got := len(srv.Requests()); got != 0 {
			t.Errorf("the reader sent %d requests", got)
		}
		writer := newMember(t, srv, store, flagcache.Options{})
		wait(t, writer, reader)
		if s := reader.Status(); !isOn(t, reader) || s.Role != flagcache.RoleReader || s.Source != loader.FromStore || s.State != loader.Current {
			t.Errorf("reader: %+v, want it current from the store", s)
		}
		if err := reader.ReloadFeatureFlags(t.Context()); err != nil {
			t.Error(err)
		}
		if got := len(srv.Requests()); got != 1 {
			t.Errorf("%d requests, want the writer's one", got)
		}
	})
}

// Upstream's failure is the leader's to find and everybody's to know.
func TestFleetTellsOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store := newStore(t, srv)
		clients := []*hogflags.Client{newMember(t, srv, store, flagcache.Options{}), newMember(t, srv, store, flagcache.Options{})}
		wait(t, clients...)
		led := leader(t, clients)
		srv.Fail(posthogtest.Failure{Status: 402})
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, c := range clients {
			s := c.Status()
			cause, ok := errors.AsType[*flagcache.UpstreamError](s.Cause)
			if s.State != loader.Stale || !ok || cause.Cause != flagcache.CauseQuota || !isOn(t, c) {
				t.Errorf("client %d: %+v, want it stale for the quota", i, s)
			}
		}
		if got := posthogapi.KindOf(clients[led].Status().Cause); got != posthogapi.QuotaLimited {
			t.Errorf("the leader's cause has kind %v, want PostHog's own answer", got)
		}
		srv.Recover()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		for i, c := range clients {
			if s := c.Status(); s.State != loader.Current || s.Cause != nil {
				t.Errorf("client %d after the outage: %+v, want it current", i, s)
			}
		}
	})
}

// breakable is a store that can be out of reach.
type breakable struct {
	*memorycache.Store
	mu   sync.Mutex
	down bool
}

var errDown = errors.New("store is down")

func (b *breakable) set(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

func (b *breakable) broken() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down
}

func (b *breakable) Record(ctx context.Context) (flagcache.Record, error) {
	if b.broken() {
		return flagcache.Record{}, errDown
	}
	return b.Store.Record(ctx)
}

func (b *breakable) Renew(ctx context.Context, c flagcache.Claim, ttl time.Duration) (flagcache.Record, error) {
	if b.broken() {
		return flagcache.Record{}, errDown
	}
	return b.Store.Renew(ctx, c, ttl)
}

func (b *breakable) Acquire(ctx context.Context, bid flagcache.Bid, ttl time.Duration) (flagcache.Record, error) {
	if b.broken() {
		return flagcache.Record{}, errDown
	}
	return b.Store.Acquire(ctx, bid, ttl)
}

// A store that is down stops nothing: memory first, then the file, and PostHog
// is asked without it.
func TestStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store := &breakable{Store: newStore(t, srv)}
		file := filepath.Join(t.TempDir(), "flags")
		member := func() *hogflags.Client {
			return newClient(t, srv, func(cfg *hogflags.Config) {
				cfg.LastKnownGoodFile = file
				cfg.Cache = newFleet(t, store, flagcache.Options{})
			})
		}
		other := newMember(t, srv, store, flagcache.Options{})
		wait(t, other)
		c := member()
		wait(t, c)
		store.set(true)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if s := c.Status(); s.State != loader.Stale || s.Role != flagcache.RoleCutOff || !errors.Is(s.Cause, errDown) || !errors.Is(s.StoreErr, errDown) || !isOn(t, c) {
			t.Errorf("cut off: %+v, want it stale because of the store", s)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}

		c = member()
		if s := c.Status(); s.Source != loader.File || !isOn(t, c) {
			t.Errorf("started without the store: %+v, want the file", s)
		}
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		if s := c.Status(); s.State != loader.Current || s.Source != loader.FromUpstream || s.Full+s.NotModified == 0 {
			t.Errorf("after a while without the store: %+v, want it confirmed by PostHog", s)
		}

		empty := newMember(t, srv, store, flagcache.Options{})
		wait(t, empty)
		if s := empty.Status(); s.State != loader.Current || s.Source != loader.FromUpstream || s.Position != (flagcache.Position{}) {
			t.Errorf("with neither store nor file: %+v, want PostHog's", s)
		}

		store.set(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, c := range []*hogflags.Client{other, c, empty} {
			if s := c.Status(); s.State != loader.Current || s.StoreErr != nil || s.Position == (flagcache.Position{}) {
				t.Errorf("client %d with the store back: %+v, want it current through the store", i, s)
			}
		}
	})
}

// shelf is a provider as a user would write it: the process that is named
// fetches, the others read.
type shelf struct {
	mu      sync.Mutex
	fetcher string
	kept    *flagcache.FlagDefinitions
	down    []string
}

type shelfUser struct {
	*shelf
	name string
}

func (s shelfUser) ShouldFetchFlagDefinitions(context.Context) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.name == s.fetcher, nil
}

func (s shelfUser) FlagDefinitions(context.Context) (*flagcache.FlagDefinitions, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept, nil
}

func (s shelfUser) OnFlagDefinitionsReceived(_ context.Context, d *flagcache.FlagDefinitions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = d
	return nil
}

func (s shelfUser) Shutdown(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = append(s.down, s.name)
	return nil
}

func TestOwnProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		s := &shelf{fetcher: "a"}
		client := func(name string) *hogflags.Client {
			c, err := flagcache.FromProvider(shelfUser{s, name}, flagcache.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return newClient(t, srv, func(cfg *hogflags.Config) { cfg.Cache = c })
		}
		a := client("a")
		wait(t, a)
		b := client("b")
		wait(t, b)
		if s := a.Status(); s.State != loader.Current || s.Source != loader.FromUpstream || s.Role != flagcache.RoleLeader {
			t.Errorf("who fetches: %+v", s)
		}
		if s := b.Status(); s.State != loader.Current || s.Source != loader.FromStore || s.Role != flagcache.RoleFollower || s.Age != 0 {
			t.Errorf("who reads: %+v", s)
		}
		if got := len(srv.Requests()); got != 1 {
			t.Errorf("%d requests, want one", got)
		}
		if err := srv.SetActive("on", false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if isOn(t, a) || isOn(t, b) {
			t.Error("the edit did not reach both")
		}
		s.mu.Lock()
		s.kept = &flagcache.FlagDefinitions{Raw: []byte(`{"flags":7}`)}
		s.fetcher = "nobody"
		s.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := b.Status(); got.State != loader.Stale || !errors.Is(got.Cause, loader.ErrBadDocument) || got.Flags != 5 {
			t.Errorf("with garbage on the shelf: %+v, want the last good definitions, stale", got)
		}
		for _, c := range []*hogflags.Client{a, b} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if got := strings.Join(s.down, ""); got != "ab" {
			t.Errorf("shut down: %q, want each once", got)
		}
	})
}

func TestNewRefusesCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store := newStore(t, srv)
		for name, test := range map[string]struct {
			change func(*hogflags.Config)
			want   string
		}{
			"an interval": {func(c *hogflags.Config) { c.PollInterval = time.Minute }, "beside Cache: the fleet's interval is flagcache.Options.Interval"},
			"no key":      {func(c *hogflags.Config) { c.SecretKey = "" }, "SecretKey is empty"},
			"no token":    {func(c *hogflags.Config) { c.ProjectToken = "" }, "ProjectToken is empty"},
			"no token, read only": {func(c *hogflags.Config) {
				c.ProjectToken, c.SecretKey, c.Cache = "", "", newFleet(t, store, flagcache.Options{ReadOnly: true})
			}, "ProjectToken is empty"},
		} {
			cfg := hogflags.Config{
				ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey,
				Host: srv.URL, HTTPClient: srv.Client(), Cache: newFleet(t, store, flagcache.Options{}),
			}
			test.change(&cfg)
			if _, err := hogflags.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got %v, want %q in it", name, err, test.want)
			}
		}
	})
}

// One cache cannot serve two clients, and says so.
func TestCacheIsOneClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		cache := newFleet(t, newStore(t, srv), flagcache.Options{})
		wait(t, newClient(t, srv, func(cfg *hogflags.Config) { cfg.Cache = cache }))
		second, err := hogflags.New(t.Context(), hogflags.Config{
			ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey,
			Host: srv.URL, HTTPClient: srv.Client(), Cache: cache,
		})
		if err != nil {
			t.Fatal(err)
		}
		const want = "was run already"
		if err := second.WaitUntilReady(t.Context()); !errors.Is(err, loader.ErrClosed) || !strings.Contains(err.Error(), want) {
			t.Errorf("WaitUntilReady: %v, want %q in it", err, want)
		}
		if err := second.Close(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Close: %v, want %q in it", err, want)
		}
	})
}

// blind hides whose definitions a coordinator's store holds.
type blind struct{ flagcache.Coordinator }

// Definitions are never mixed up with another project's: a fleet of another
// project is refused at once, and so is what any other coordinator brings.
func TestForeignCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		store, err := memorycache.New(flagcache.Scope{Project: "phc_other", Host: srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		_, err = hogflags.New(t.Context(), hogflags.Config{
			ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey,
			Host: srv.URL, HTTPClient: srv.Client(), Cache: newFleet(t, store, flagcache.Options{}),
		})
		if err == nil || !strings.Contains(err.Error(), "another project") {
			t.Errorf("a client over another project's store: %v", err)
		}
		c := newClient(t, srv, func(cfg *hogflags.Config) {
			cfg.Cache = blind{newFleet(t, store, flagcache.Options{})}
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := c.Status(); s.State != loader.Empty || s.Cause == nil || !strings.Contains(s.Cause.Error(), "another project") {
			t.Errorf("got %+v, want it empty because of the store", s)
		}
		if _, err := store.Load(t.Context()); !errors.Is(err, flagcache.ErrNotFound) {
			t.Errorf("the other project's store holds a document: %v", err)
		}
	})
}
