//go:build unix

package rediscache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/flagcache/rediscache"
	"github.com/hogflags/hogflags/internal/testservers"
)

// otherSDK is a process in another language: the keys, the lock and the scripts
// of the Python and Ruby examples, and what Node's does differently.
type otherSDK struct {
	t           *testing.T
	client      *redis.Client
	key, id     string
	ttl         time.Duration
	lead, leave *redis.Script
}

func newOtherSDK(t *testing.T, client *redis.Client, key, id string) *otherSDK {
	return &otherSDK{
		t: t, client: client, key: "posthog:flags:" + key, id: id, ttl: time.Minute,
		lead: redis.NewScript(`local c = redis.call('GET', KEYS[1])
			if not c then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1 end
			if c == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end
			return 0`),
		leave: redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`),
	}
}

func (o *otherSDK) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatalf("%s: %v", o.id, err)
	}
}

func (o *otherSDK) leads() bool {
	o.t.Helper()
	n, err := o.lead.Run(o.t.Context(), o.client, []string{o.key + ":lock"}, o.id, o.ttl.Milliseconds()).Int()
	o.must(err)
	return n == 1
}

func (o *otherSDK) shutdown() {
	o.must(o.leave.Run(o.t.Context(), o.client, []string{o.key + ":lock"}, o.id).Err())
}

// store is unconditional, as in all examples.
func (o *otherSDK) store(document string) {
	o.t.Helper()
	o.must(o.client.Set(o.t.Context(), o.key, document, 24*time.Hour).Err())
}

func (o *otherSDK) read() string {
	o.t.Helper()
	v, err := o.client.Get(o.t.Context(), o.key).Result()
	o.must(err)
	return v
}

// interopWorld is a server with processes of both kinds on one service key.
type interopWorld struct {
	t      *testing.T
	client *redis.Client
	key    string
	up     *fleettest.Upstream
	nodes  int
}

func newInteropWorld(t *testing.T) *interopWorld {
	return &interopWorld{t: t, client: newClient(t, testservers.StartRedis(t).Addr), key: "checkout", up: fleettest.NewUpstream(1)}
}

func (w *interopWorld) storeFor(scope flagcache.Scope) *rediscache.Interop {
	w.t.Helper()
	s, err := rediscache.NewInterop(w.client, scope, w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *interopWorld) join(o flagcache.Options) *fleettest.Node {
	w.t.Helper()
	w.nodes++
	o.Name = fmt.Sprint("p", w.nodes)
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	f, err := flagcache.New(w.storeFor(fleettest.Scope), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return fleettest.Start(w.t, f, w.up.For(o.Name))
}

func (w *interopWorld) python(id string) *otherSDK { return newOtherSDK(w.t, w.client, w.key, id) }

func (w *interopWorld) until(what string, ok func() bool) {
	w.t.Helper()
	testservers.Await(w.t, what, func(context.Context) error {
		if !ok() {
			return errors.New("not yet")
		}
		return nil
	})
}

// foreignDoc is Doc in the shape that Node stores.
func foreignDoc(version int) string {
	return fmt.Sprintf(`{"flags":[{"key":"beta","version":%d}],"groupTypeMapping":{},"cohorts":{}}`, version)
}

func TestAnotherSDKLeads(t *testing.T) {
	w := newInteropWorld(t)
	python := w.python("python")
	if !python.leads() {
		t.Fatal("the lock was not free")
	}
	n := w.join(flagcache.Options{})
	w.until("the leader is known", func() bool { return n.Status().Leader == "another SDK" })
	if s := n.Status(); s.Loaded || len(w.up.Requests()) != 0 {
		t.Errorf("with nothing stored: %+v and %d requests, want it to wait for the leader", s, len(w.up.Requests()))
	}
	python.store(foreignDoc(7))
	w.until("its document is served", func() bool { return n.Body() == foreignDoc(7) })
	first := n.Status()
	if first.ETag != "" || !first.ConfirmedAt.IsZero() || first.Role != flagcache.RoleFollower {
		t.Errorf("%+v, want a follower of a document without ETag and of unknown age", first)
	}
	python.store(foreignDoc(8))
	w.until("its next document is served", func() bool { return n.Body() == foreignDoc(8) })
	if s := n.Status(); !s.Position.After(first.Position) {
		t.Errorf("position %v after %v", s.Position, first.Position)
	}
	err := n.Coordinator.Reload(t.Context())
	if err == nil || !strings.Contains(err.Error(), "another SDK") {
		t.Errorf("reload: %v, want it to say that the leader cannot be asked", err)
	}
	late := w.join(flagcache.Options{ReadOnly: true})
	w.until("a reader serves it", func() bool { return late.Body() == foreignDoc(8) })
	if got := len(w.up.Requests()); got != 0 {
		t.Errorf("%d requests while another leads, want none", got)
	}

	// It dies. Its lock runs out, sooner than the minute that it would have.
	python.ttl = time.Second
	python.leads()
	w.until("hogflags has taken over", func() bool { return n.Status().Role == flagcache.RoleLeader })
	w.until("upstream's document is served", func() bool { return n.Body() == fleettest.Doc(1) && late.Body() == fleettest.Doc(1) })
	if python.leads() {
		t.Error("a lock that hogflags holds was given away")
	}
	if got := w.up.Requests(); got[0].ETag != "" {
		t.Errorf("the first request was conditional on %q, which belongs to no document at hand", got[0].ETag)
	}
	n.Stop()
	if !python.leads() {
		t.Error("a lock that was given back is not free")
	}

	// It stores what it had stored before: a flag was reverted.
	python.store(foreignDoc(8))
	w.until("that is taken again", func() bool { return late.Body() == foreignDoc(8) })
	python.shutdown()
	next := w.join(flagcache.Options{})
	w.until("a lock that is given back is taken at once", func() bool { return next.Body() == fleettest.Doc(1) && late.Body() == fleettest.Doc(1) })
}

// TestAnotherSDKOverwrites: who has something keeps it, who has nothing takes
// what there is, and the leader repairs the store at its next poll.
func TestAnotherSDKOverwrites(t *testing.T) {
	w := newInteropWorld(t)
	leader := w.join(flagcache.Options{Interval: 5 * time.Second})
	w.until("it leads", func() bool { return leader.Body() == fleettest.Doc(1) && leader.Status().Role == flagcache.RoleLeader })
	follower := w.join(flagcache.Options{})
	w.until("the other follows", func() bool { return follower.Body() == fleettest.Doc(1) })
	w.python("thawed").store(foreignDoc(0))
	late := w.join(flagcache.Options{})
	w.until("who has nothing takes it", func() bool { return late.Body() == foreignDoc(0) })
	w.until("the leader repairs it", func() bool { return late.Body() == fleettest.Doc(1) })
	for _, n := range []*fleettest.Node{leader, follower} {
		for _, e := range n.Applied() {
			if string(e.Body) != fleettest.Doc(1) {
				t.Errorf("%s went back to %s", n.Status().Role, e.Body)
			}
		}
	}
	if full := w.up.Count(200); full != 1 {
		t.Errorf("%d full requests, want 1: the leader has the bytes", full)
	}
}

// TestLockDeleted: Node's example deletes the lock whoever holds it.
func TestLockDeleted(t *testing.T) {
	w := newInteropWorld(t)
	nodes := []*fleettest.Node{w.join(flagcache.Options{}), w.join(flagcache.Options{})}
	serve(t, nodes, 1)
	before := nodes[0].Status().Position
	if err := w.client.Del(t.Context(), "posthog:flags:checkout:lock").Err(); err != nil {
		t.Fatal(err)
	}
	w.until("one leads again, in a later epoch", func() bool {
		return len(fleettest.Leaders(nodes)) == 1 && nodes[0].Status().Position.Epoch > before.Epoch
	})
	// The hash of hogflags's own goes, and with it what is not in the lock.
	if err := w.client.Del(t.Context(), "posthog:flags:checkout:hogflags").Err(); err != nil {
		t.Fatal(err)
	}
	w.up.Publish(fleettest.Doc(2))
	serve(t, nodes, 2)
	if got := len(fleettest.Leaders(nodes)); got != 1 {
		t.Errorf("%d leaders", got)
	}
}

// TestChangedUnderItsHead: somebody edits the value and leaves the member, of
// the same length. It is not served, and repaired.
func TestChangedUnderItsHead(t *testing.T) {
	w := newInteropWorld(t)
	leader := w.join(flagcache.Options{Interval: 3 * time.Second})
	w.until("it leads", func() bool { return leader.Body() == fleettest.Doc(1) })
	python := w.python("editor")
	python.must(w.client.Set(t.Context(), python.key, strings.Replace(python.read(), `"beta"`, `"alfa"`, 1), 0).Err())
	store := w.storeFor(fleettest.Scope)
	if e, err := store.Load(t.Context()); !errors.Is(err, flagcache.ErrBadEntry) {
		t.Errorf("load: %+v, %v; want a bad entry", e, err)
	}
	w.until("the leader repairs it", func() bool {
		e, err := store.Load(t.Context())
		return err == nil && string(e.Body) == fleettest.Doc(1) && e.ETag != ""
	})
}

// TestServiceKeyOfAnotherProject: flags are never swapped between projects.
func TestServiceKeyOfAnotherProject(t *testing.T) {
	w := newInteropWorld(t)
	n := w.join(flagcache.Options{})
	w.until("it serves", func() bool { return n.Body() == fleettest.Doc(1) })
	other := w.storeFor(flagcache.Scope{Project: "phc_other", Host: fleettest.Scope.Host})
	_, recordErr := other.Record(t.Context())
	_, loadErr := other.Load(t.Context())
	_, acquireErr := other.Acquire(t.Context(), flagcache.Bid{Token: "t", Holder: "h"}, time.Second)
	for what, err := range map[string]error{"record": recordErr, "load": loadErr, "acquire": acquireErr} {
		if err == nil || !strings.Contains(err.Error(), "in use for another project") {
			t.Errorf("%s: %v, want it refused", what, err)
		}
	}
}

func TestOpenInterop(t *testing.T) {
	addr := testservers.StartRedis(t).Addr
	s, err := rediscache.Open("redis://"+addr+"/0?service_key=%7Ba%7D&dial_timeout=3s", fleettest.Scope)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, ok := s.(flagcache.Pinner); ok {
		t.Error("the layout offers pins, which it does not keep")
	}
	if _, err := flagcache.NewSigned(s, flagcache.Keys{Sign: flagcache.NewSigningKey()}); err == nil || !strings.Contains(err.Error(), "signatures") {
		t.Errorf("a signed view: %v, want it refused", err)
	}
	rec, err := s.Acquire(t.Context(), flagcache.Bid{Token: "t", Holder: "h"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	e := flagcache.NewEntry(fleettest.Scope, []byte(fleettest.Doc(1)), "")
	e.Position = flagcache.Position{Epoch: rec.Lease.Epoch, Seq: 1}
	e.Signature = "signed"
	claim := flagcache.Claim{Token: "t", Epoch: rec.Lease.Epoch}
	if _, err := s.Save(t.Context(), claim, e); err == nil || !strings.Contains(err.Error(), "signatures") {
		t.Errorf("save of a signed entry: %v, want it refused", err)
	}
	if _, err := s.Confirm(t.Context(), claim, e.Head); err == nil || !strings.Contains(err.Error(), "signatures") {
		t.Errorf("confirm of a signed entry: %v, want it refused", err)
	}
	for _, url := range []string{"redis://" + addr + "?service_key=", "redis://" + addr + "?service_key=a%20b"} {
		if _, err := rediscache.Open(url, fleettest.Scope); err == nil || !strings.Contains(err.Error(), "service_key") {
			t.Errorf("%s: %v, want it refused", url, err)
		}
	}
}

// TestForeignDocumentIsHashedRarely: looks at a document that another SDK stored
// do not hash it again, and write nothing, once it has been there for a moment.
// A document of the same length is never missed, however soon it follows.
func TestForeignDocumentIsHashedRarely(t *testing.T) {
	w := newInteropWorld(t)
	python := w.python("python")
	store := w.storeFor(fleettest.Scope)
	look := func() flagcache.Head {
		t.Helper()
		rec, err := store.Record(t.Context())
		if err != nil || !rec.Head.Exists() {
			t.Fatalf("%+v, %v", rec.Head, err)
		}
		return rec.Head
	}
	last := flagcache.Head{}
	version, began := 0, time.Now()
	document := func() string { return foreignDoc(10 + version%90) } // of one length, and none twice in a row
	// Longer than it takes until a document is known without a hash.
	for ; version < 100 || time.Since(began) < 500*time.Millisecond; version++ {
		python.store(document())
		if head := look(); !head.After(last.Position) {
			t.Fatalf("version %d was missed: %+v after %+v", version, head, last)
		} else {
			last = head
		}
	}
	calls := func(command string) string {
		t.Helper()
		v, err := w.client.Info(t.Context(), "commandstats").Result()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(v) {
			if rest, ok := strings.CutPrefix(line, "cmdstat_"+command+":calls="); ok {
				n, _, _ := strings.Cut(rest, ",")
				return n
			}
		}
		return "0"
	}
	w.until("it is known by its length and time", func() bool {
		n := calls("hset")
		look()
		settled, err := w.client.HGet(t.Context(), "posthog:flags:checkout:hogflags", "foreign_settled").Result()
		return err == nil && settled == "1" && calls("hset") == n
	})
	written, hashed := calls("hset"), calls("getrange")
	for range 20 {
		if head := look(); head != last {
			t.Fatalf("%+v, want %+v", head, last)
		}
	}
	if now := calls("hset"); now != written || written == "0" {
		t.Errorf("%s writes before, %s after 20 looks, want none more", written, now)
	}
	if calls("getrange") == hashed {
		t.Error("the looks did not look")
	}
	python.store(document())
	if head := look(); !head.After(last.Position) {
		t.Errorf("the next document was missed: %+v", head)
	}
}
