package flagcache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/flagcache/memorycache"
)

// TestR04NotModifiedRefreshesNothing: after an eviction the leader goes on
// getting 304, and the cache stays empty.
func TestR04NotModifiedRefreshesNothing(t *testing.T) {
	up := fleettest.NewUpstream(1)
	cache := &naiveCache{}
	leader := newNaive("leader", cache, up)
	leader.poll()
	cache.data = ""
	for range 5 {
		leader.poll()
	}
	if cache.data != "" {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		leader := join(t, server.Link(), up, flagcache.Options{Name: "leader"})
		settle(time.Second)
		server.Change(func(l *flagcache.Ledger) { l.Entry = nil })
		settle(interval * 11 / 10)
		if e := server.Stored().Entry; e == nil || string(e.Body) != fleettest.Doc(1) {
			t.Errorf("an evicted entry is not back after a poll: %+v", e)
		}
		if up.Count(200) != 1 || leader.Status().Counters.Repairs != 1 {
			t.Errorf("%d full requests and %d repairs, want 1 and 1", up.Count(200), leader.Status().Counters.Repairs)
		}
	})
}

// TestR05ColdStartHerd: while the first leader fetches, everybody else finds
// the cache empty and fetches too.
func TestR05ColdStartHerd(t *testing.T) {
	up := fleettest.NewUpstream(1)
	cache := &naiveCache{}
	_, _ = cache.lead("leader", time.Minute) // its request is under way
	for i := range 10 {
		sdk := newNaive(fmt.Sprint(i), cache, up)
		sdk.failSet = true // who does not lead does not store
		sdk.poll()
	}
	if len(up.Requests()) != 10 {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		up.Latency = 3 * time.Second
		_, nodes := fleet(t, 50, up)
		settle(4 * time.Second)
		wantBody(t, nodes, 1)
		if n := len(up.Requests()); n != 1 {
			t.Errorf("50 cold starts made %d requests, want 1", n)
		}
	})
}

// TestR06FailOpenStorm: while the store is down, every process polls.
func TestR06FailOpenStorm(t *testing.T) {
	up := fleettest.NewUpstream(1)
	cache := &naiveCache{down: true}
	var sdks []*naiveSDK
	for i := range 10 {
		sdks = append(sdks, newNaive(fmt.Sprint(i), cache, up))
	}
	for range 5 {
		for _, s := range sdks {
			s.poll()
		}
	}
	if len(up.Requests()) != 50 {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		var nodes []*fleettest.Node
		var links []*fleettest.Link
		for i := range 10 {
			links = append(links, server.Link())
			nodes = append(nodes, join(t, links[i], up, flagcache.Options{Name: fmt.Sprint(i)}))
		}
		settle(5 * time.Second)
		for _, l := range links {
			l.Cut()
		}
		before := len(up.Requests())
		settle(9 * interval)
		if n := len(up.Requests()) - before; n > 10 {
			t.Errorf("%d requests in 9 intervals without the store, want the last leader's 9 or 10", n)
		}
		settle(12 * interval)
		others := 0
		for _, n := range nodes {
			others += int(n.Status().Counters.Direct)
		}
		if n := len(up.Requests()) - before; n > 22+9*2 {
			t.Errorf("%d requests (%d direct) in 21 intervals without the store", n, others)
		}
		up.Publish(fleettest.Doc(2))
		for _, l := range links {
			l.Mend()
		}
		settle(interval*11/10 + 15*time.Second)
		wantBody(t, nodes, 2)
	})
}

// TestR12ShutdownRaces: a load that is under way when the process stops takes
// the lock after it was released, for a process that is gone.
func TestR12ShutdownRaces(t *testing.T) {
	cache := &naiveCache{}
	cache.release("stopping")
	if ok, _ := cache.lead("stopping", time.Minute); !ok || cache.owner == "" {
		t.Fatal("the naive provider does not show the bug")
	}

	for _, op := range []string{"acquire", "save", "renew", "record"} {
		synctest.Test(t, func(t *testing.T) {
			up := fleettest.NewUpstream(1)
			server := fleettest.NewServer()
			link := server.Link()
			slow := func(_ context.Context, name string) error {
				if name == op {
					time.Sleep(time.Second) // under way when it stops
				}
				return nil
			}
			link.Before(slow)
			link.After(slow)
			n := join(t, link, up, flagcache.Options{Name: "stopping"})
			settle(1500 * time.Millisecond)
			began := time.Now()
			n.Stop()
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s under way: stopping took %v", op, took)
			}
			stopped := server.Stored()
			if stopped.Record(time.Now()).Live() {
				t.Errorf("%s under way: the lease is held after the stop", op)
			}
			settle(time.Minute)
			if later := server.Stored(); !reflect.DeepEqual(later, stopped) {
				t.Errorf("%s under way: the store changed after the stop: %+v", op, later)
			}
		})
	}

	synctest.Test(t, func(t *testing.T) { // a store that hangs does not hold up the stop
		up := fleettest.NewUpstream(1)
		link := fleettest.NewServer().Link()
		n := join(t, link, up, flagcache.Options{Name: "stopping"})
		settle(time.Second)
		hang := make(chan struct{})
		defer close(hang)
		link.Before(func(context.Context, string) error { <-hang; return errDown })
		settle(time.Second)
		began := time.Now()
		n.Stop()
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("stopping took %v while the store hung", took)
		}
	})
}

// TestR13MixedLanguages: one SDK stores group types in camelCase, another does
// not find them and stores its own form, a third drops what it does not know.
func TestR13MixedLanguages(t *testing.T) {
	const doc = `{ "flags":[{"key":"a","filters":{"early_exit":true},"new_field":1e2}], "group_type_mapping":{"0":"company"}, "cohorts":{"1":{}}, "later":[1.50] }`
	var lossy struct {
		Flags []struct {
			Key string `json:"key"`
		} `json:"flags"`
		Groups map[string]string `json:"groupTypeMapping"`
	}
	if err := json.Unmarshal([]byte(doc), &lossy); err != nil || lossy.Groups != nil {
		t.Fatalf("the naive provider does not show the bug: %v", err)
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		up.Publish(doc)
		store, nodes := fleet(t, 3, up)
		settle(time.Second)
		e, err := store.Load(t.Context())
		if err != nil || string(e.Body) != doc {
			t.Errorf("stored %s, %v, want upstream's bytes", e.Body, err)
		}
		for _, n := range nodes {
			if n.Body() != doc {
				t.Errorf("a process got %s, want upstream's bytes", n.Body())
			}
		}
	})

	camel := `{"flags":[],"groupTypeMapping":{"0":"company"},"cohorts":{},"minimalFlagCalledEvents":true}`
	for _, form := range []string{doc, camel} {
		d, err := flagcache.ParseFlagDefinitions([]byte(form))
		if err != nil || d.GroupTypeMapping["0"] != "company" {
			t.Errorf("group types of %s: %v, %v", form, d, err)
		}
	}
}

// TestR14QuotaLockIn: flags are cleared on 402 but the ETag is kept, so that
// they stay gone when the quota is back.
func TestR14QuotaLockIn(t *testing.T) {
	up := fleettest.NewUpstream(1)
	sdk := newNaive("a", &naiveCache{}, up)
	sdk.poll()
	sdk.data = "" // 402
	sdk.fetch()   // the quota is back: 304
	if sdk.data != "" {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		store, nodes := fleet(t, 3, up)
		settle(time.Second)
		up.Fail(&flagcache.UpstreamError{Cause: flagcache.CauseQuota, Err: errors.New("402")})
		settle(3 * interval)
		wantBody(t, nodes, 1)
		if got := nodes[0].Status().Failure; got != flagcache.CauseQuota {
			t.Errorf("cause %q, want it visible", got)
		}
		up.Fail(nil)
		settle(5 * interval)
		wantBody(t, nodes, 1)
		late := join(t, store, up, flagcache.Options{Name: "late", ReadOnly: true})
		settle(time.Second)
		wantBody(t, []*fleettest.Node{late}, 1)
		if got := nodes[0].Status().Failure; got != "" {
			t.Errorf("cause %q after the quota came back", got)
		}
	})
}

// TestR17KeyedByService: two projects that share a service's name share a key.
func TestR17KeyedByService(t *testing.T) {
	cache := &naiveCache{}
	_ = cache.set("flags of project A")
	if b := cache.data; b != "flags of project A" {
		t.Fatal("the naive provider does not show the bug")
	}

	a := flagcache.Scope{Project: "phc_a", Host: "https://us.i.posthog.com"}
	for _, b := range []flagcache.Scope{{Project: "phc_b", Host: a.Host}, {Project: a.Project, Host: "https://eu.i.posthog.com"}} {
		if a.Key() == b.Key() {
			t.Errorf("%v and %v share a key", a, b)
		}
	}
	synctest.Test(t, func(t *testing.T) { // and a foreign entry under our key is not served
		up := fleettest.NewUpstream(1)
		server := fleettest.NewServer()
		foreign := flagcache.NewEntry(a, []byte(fleettest.Doc(66)), "")
		foreign.Position = flagcache.Position{Epoch: 5, Seq: 1}
		server.Change(func(l *flagcache.Ledger) { l.Entry = foreign })
		reader := join(t, server.Link(), up, flagcache.Options{Name: "reader", ReadOnly: true})
		settle(interval)
		if s := reader.Status(); s.Loaded || s.Counters.BadEntries == 0 {
			t.Errorf("a foreign entry: %+v", s)
		}
		join(t, server.Link(), up, flagcache.Options{Name: "leader"})
		settle(2 * interval)
		wantBody(t, []*fleettest.Node{reader}, 1)
	})
}

// TestR18NoJitter: what was deployed together polls together for ever.
func TestR18NoJitter(t *testing.T) {
	naive := map[time.Duration]bool{}
	for range 20 {
		naive[interval] = true
	}
	if len(naive) != 1 {
		t.Fatal("the naive provider does not show the bug")
	}

	synctest.Test(t, func(t *testing.T) {
		up := fleettest.NewUpstream(1)
		for range 20 { // twenty fleets of one
			store, err := memorycache.New(fleettest.Scope)
			if err != nil {
				t.Fatal(err)
			}
			join(t, store, up, flagcache.Options{})
		}
		settle(20 * interval)
		at := map[time.Duration]int{}
		most := 0
		for _, r := range up.Requests() {
			if age := time.Since(r.At); age < 2*interval {
				slot := age.Truncate(time.Second)
				at[slot]++
				most = max(most, at[slot])
			}
		}
		if most > 10 {
			t.Errorf("%d of 20 still poll in the same second after 20 intervals", most)
		}
	})
}
