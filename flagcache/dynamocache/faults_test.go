//go:build unix

package dynamocache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/dynamocache"
	"github.com/hogflags/hogflags/internal/testservers"
)

// TestFaults shares a server.
func TestFaults(t *testing.T) {
	addr := testservers.StartDynamoDB(t).Addr
	if err := dynamocache.CreateTable(t.Context(), connect(t, addr), table); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		f    func(*testing.T, string)
	}{
		{"LostAnswers", testLostAnswers},
		{"LateWrite", testLateWrite},
		{"HalfWritten", testHalfWritten},
		{"Interrupted", testInterrupted},
		{"WholeOrNot", testWholeOrNot},
		{"Parts", testParts},
		{"Clocks", testClocks},
		{"Damage", testDamage},
		{"ReadOnly", testReadOnly},
		{"CreateTable", testCreateTable},
	} {
		t.Run(test.name, func(t *testing.T) { test.f(t, addr) })
	}
}

func newScope() flagcache.Scope {
	return flagcache.Scope{Project: fmt.Sprintf("phc_%x", rand.Uint64()), Host: "https://us.i.posthog.com"}
}

const long = flagcache.MaxLease

func acquire(t *testing.T, s flagcache.Store, name string) flagcache.Claim {
	t.Helper()
	rec, err := s.Acquire(t.Context(), flagcache.Bid{Token: name, Holder: name}, long)
	if err != nil {
		t.Fatal(err)
	}
	return flagcache.Claim{Token: name, Epoch: rec.Lease.Epoch}
}

func entry(s flagcache.Store, c flagcache.Claim, seq uint64, body []byte) *flagcache.Entry {
	e := flagcache.NewEntry(s.Scope(), body, `W/"1"`)
	e.Position = flagcache.Position{Epoch: c.Epoch, Seq: seq}
	return e
}

func save(t *testing.T, s flagcache.Store, c flagcache.Claim, seq uint64, body []byte) *flagcache.Entry {
	t.Helper()
	e := entry(s, c, seq, body)
	if _, err := s.Save(t.Context(), c, e); err != nil {
		t.Fatalf("save %d: %v", seq, err)
	}
	return e
}

func wantStored(t *testing.T, s flagcache.Store, want *flagcache.Entry) {
	t.Helper()
	got, err := s.Load(t.Context())
	if err == nil {
		err = got.Verify(s.Scope())
	}
	if err != nil || got.Head != want.Head {
		t.Errorf("stored: %v, %v, want %v", got, err, want.Head)
	}
}

// noise does not compress.
func noise(seed byte, size int) []byte {
	body := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(body) // never fails
	return body
}

// wire is the network, as f makes it.
type wire func(*http.Request) (*http.Response, error)

func (f wire) Do(r *http.Request) (*http.Response, error) { return f(r) }

func isPut(r *http.Request) bool { return strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutItem") }

// over is the store for who reaches the server through the wire.
func over(t *testing.T, addr string, scope flagcache.Scope, w wire) *dynamocache.Store {
	t.Helper()
	client := dynamodb.New(connect(t, addr).Options(), func(o *dynamodb.Options) { o.HTTPClient = w })
	s, err := dynamocache.New(client, table, scope)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testLostAnswers: each write is done, its answer is lost, and the SDK repeats
// it. Nobody is told that somebody else was faster.
func testLostAnswers(t *testing.T, addr string) {
	transport := &http.Transport{DisableKeepAlives: true}
	losing, lost := true, 0
	s := over(t, addr, newScope(), func(r *http.Request) (*http.Response, error) {
		response, err := transport.RoundTrip(r)
		if err == nil && losing && isPut(r) {
			_ = response.Body.Close()
			losing, lost = false, lost+1
			return nil, io.ErrUnexpectedEOF
		}
		return response, err
	})
	c := acquire(t, s, "a")
	if rec, err := s.Record(t.Context()); err != nil || rec.Lease.Epoch != c.Epoch {
		t.Errorf("granted epoch %d, stored %d, %v", c.Epoch, rec.Lease.Epoch, err)
	}
	e := entry(s, c, 1, []byte(`{"flags":[1]}`))
	for name, step := range map[string]func() error{
		"renew":  func() error { _, err := s.Renew(t.Context(), c, long); return err },
		"reload": func() error { _, err := s.RequestReload(t.Context()); return err },
		"save":   func() error { _, err := s.Save(t.Context(), c, e); return err },
	} {
		losing = true
		if err := step(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	losing = true
	if _, err := s.Release(t.Context(), c); err != nil {
		t.Errorf("release: %v", err)
	}
	wantStored(t, s, e)
	if lost != 5 {
		t.Errorf("%d answers were lost, want 5", lost)
	}
}

// testLateWrite: a save that hangs in the network comes after another process
// took over and saved.
func testLateWrite(t *testing.T, addr string) {
	transport := &http.Transport{DisableKeepAlives: true}
	scope := newScope()
	var held *http.Request
	var body []byte
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	hold := false
	a := over(t, addr, scope, func(r *http.Request) (*http.Response, error) {
		if !hold || !isPut(r) {
			return transport.RoundTrip(r)
		}
		held, body = r, must(io.ReadAll(r.Body))
		giveUp()
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	c := acquire(t, a, "a")
	save(t, a, c, 1, []byte(`{"flags":[1]}`))
	hold = true
	next := entry(a, c, 2, []byte(`{"flags":[1]}`))
	if _, err := a.Confirm(ctx, c, next.Head); !errors.Is(err, context.Canceled) {
		t.Fatalf("a write that hangs: %v, want %v", err, context.Canceled)
	}
	b := open(t, addr, scope)
	rec, err := b.Acquire(t.Context(), flagcache.Bid{Token: "b", Holder: "b", Seen: c.Epoch + 1}, long) // as after a lease that ran out
	if err != nil {
		t.Fatal(err)
	}
	want := save(t, b, flagcache.Claim{Token: "b", Epoch: rec.Lease.Epoch}, 1, []byte(`{"flags":[2]}`))

	late := held.Clone(t.Context())
	late.Body = io.NopCloser(bytes.NewReader(body))
	response, err := transport.RoundTrip(late)
	if err != nil {
		t.Fatal(err)
	}
	answer := must(io.ReadAll(response.Body))
	_ = response.Body.Close()
	if !bytes.Contains(answer, []byte("ConditionalCheckFailed")) {
		t.Errorf("the late write: %s, want it refused", answer)
	}
	wantStored(t, b, want)
}

// faulty is a client whose puts go by a test first.
type faulty struct {
	*dynamodb.Client
	before func(*dynamodb.PutItemInput) error
}

func (f faulty) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if err := f.before(in); err != nil {
		return nil, err
	}
	return f.Client.PutItem(ctx, in, o...)
}

func withPuts(t *testing.T, addr string, scope flagcache.Scope, before func(*dynamodb.PutItemInput) error) *dynamocache.Store {
	t.Helper()
	s, err := dynamocache.New(faulty{connect(t, addr), before}, table, scope)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func isPart(in *dynamodb.PutItemInput) bool { return in.Item["part"] != nil }

// testHalfWritten: a process dies while it writes a document, and another before
// it writes the record. The old document stays, and what they left is deleted.
func testHalfWritten(t *testing.T, addr string) {
	for name, dies := range map[string]func(in *dynamodb.PutItemInput, part int) bool{
		"in the document":   func(_ *dynamodb.PutItemInput, part int) bool { return part > 2 },
		"before the record": func(in *dynamodb.PutItemInput, part int) bool { return part > 0 && !isPart(in) },
	} {
		scope := newScope()
		armed, part := false, 0
		var mu sync.Mutex
		s := withPuts(t, addr, scope, func(in *dynamodb.PutItemInput) error {
			mu.Lock()
			defer mu.Unlock()
			if armed && isPart(in) {
				part++
			}
			if armed && dies(in, part) {
				return errors.New("died")
			}
			return nil
		})
		dynamocache.WithParts(s, 1<<10)
		c := acquire(t, s, "a")
		want := save(t, s, c, 1, []byte(`{"flags":[1]}`))
		armed = true
		if _, err := s.Save(t.Context(), c, entry(s, c, 2, noise(1, 6<<10))); err == nil || !strings.Contains(err.Error(), "died") {
			t.Fatalf("%s: save: %v", name, err)
		}
		armed = false
		other := open(t, addr, scope)
		wantStored(t, other, want)
		admin := connect(t, addr)
		if left := len(ids(t, admin, scope)); left <= 2 {
			t.Errorf("%s: %d items, want some that were left", name, left)
		}
		dynamocache.WithoutGrace(other.Store)
		if _, err := other.Renew(t.Context(), c, long); err != nil {
			t.Fatal(err)
		}
		if left := ids(t, admin, scope); len(left) != 2 {
			t.Errorf("%s: items %v, want the record and the document", name, left)
		}
		wantStored(t, other, want)
	}
}

// testInterrupted: others write while a document is uploaded. It is uploaded
// once, and saved.
func testInterrupted(t *testing.T, addr string) {
	scope := newScope()
	other := open(t, addr, scope)
	parts, once := 0, sync.Once{}
	s := withPuts(t, addr, scope, func(in *dynamodb.PutItemInput) (err error) {
		if isPart(in) {
			once.Do(func() { _, err = other.RequestReload(context.Background()) })
			parts++
		}
		return err
	})
	c := acquire(t, s, "a")
	want := save(t, s, c, 1, []byte(`{"flags":[1]}`))
	wantStored(t, other, want)
	if rec, err := s.Record(t.Context()); err != nil || rec.Reload.IsZero() {
		t.Errorf("%v: the request of the other is lost", err)
	}
	if parts != 1 {
		t.Errorf("%d parts were written, want 1", parts)
	}
}

// testWholeOrNot: who reads while documents are replaced reads whole ones.
func testWholeOrNot(t *testing.T, addr string) {
	const edits, size = 30, 10 << 10
	scope := newScope()
	s := open(t, addr, scope)
	dynamocache.WithParts(s.Store, 1<<10)
	c := acquire(t, s, "a")
	save(t, s, c, 1, noise(1, size))
	var readers sync.WaitGroup
	for range 2 {
		r := open(t, addr, scope)
		readers.Go(func() {
			for last := uint64(1); last <= edits && t.Context().Err() == nil && !t.Failed(); {
				e, err := r.Load(t.Context())
				if err == nil {
					err = e.Verify(scope)
				}
				if err != nil || e.Seq < last {
					t.Errorf("load: %v, %v", e, err)
					return
				}
				last = e.Seq
			}
		})
	}
	defer readers.Wait()
	for seq := range uint64(edits) {
		save(t, s, c, seq+2, noise(byte(seq+2), size))
	}
}

// testParts: documents of several MB, and what is left of them in the table.
func testParts(t *testing.T, addr string) {
	scope := newScope()
	s := open(t, addr, scope)
	dynamocache.WithoutGrace(s.Store)
	admin := connect(t, addr)
	c := acquire(t, s, "a")
	list := []byte(`{"flags":[` + strings.Repeat(`{"key":"checkout","active":true},`, 1<<17) + `{}]}`) // 4 MB
	wantStored(t, s, save(t, s, c, 1, list))
	if got := len(ids(t, admin, scope)); got != 2 {
		t.Errorf("%d items for 4 MB that compress well, want 2", got)
	}
	big := save(t, s, c, 2, noise(1, 2<<20))
	wantStored(t, open(t, addr, scope), big)
	if got := len(ids(t, admin, scope)); got != 2+6 {
		t.Errorf("%d items with 2 MB more that do not compress, want 8", got)
	}
	seq := uint64(3)
	for ; seq < flagcache.MaxFormer+4; seq++ {
		save(t, s, c, seq, fmt.Appendf(nil, `{"flags":[%d]}`, seq))
	}
	if _, err := s.Renew(t.Context(), c, long); err != nil { // each step deletes one document
		t.Fatal(err)
	}
	if got := len(ids(t, admin, scope)); got != 2+flagcache.MaxFormer {
		t.Errorf("%d items after more edits than are kept, want %d", got, 2+flagcache.MaxFormer)
	}
}

// testClocks: hosts whose clocks are hours apart hold one lease after the other.
func testClocks(t *testing.T, addr string) {
	scope := newScope()
	a, b := open(t, addr, scope), open(t, addr, scope)
	dynamocache.OnHost(a.Store, func() time.Time { return time.Now().Add(3 * time.Hour) })
	dynamocache.OnHost(b.Store, func() time.Time { return time.Now().Add(-3 * time.Hour) })
	const ttl = 3 * time.Second
	rec, err := a.Acquire(t.Context(), flagcache.Bid{Token: "a", Holder: "a"}, ttl)
	began := time.Now()
	if err != nil {
		t.Fatal(err)
	}
	if off := time.Since(rec.Now).Abs(); off > 2*time.Second {
		t.Errorf("the store's clock is %v off", off)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := b.Acquire(t.Context(), flagcache.Bid{Token: "b", Holder: "b"}, ttl)
		took := time.Since(began)
		if err == nil {
			if took < ttl-1500*time.Millisecond {
				t.Errorf("taken over after %v, want some %v", took, ttl)
			}
			return
		}
		if !errors.Is(err, flagcache.ErrHeld) || took > 10*ttl {
			t.Fatalf("after %v: %v", took, err)
		}
		<-tick.C
	}
}

// testCreateTable: a table that many make at once is made once.
func testCreateTable(t *testing.T, addr string) {
	client := connect(t, addr)
	done := make(chan error)
	const n = 5
	for range n {
		go func() { done <- dynamocache.CreateTable(t.Context(), client, "made") }()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
