package cachetest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/flagcache/internal/tcpproxy"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// Bench measures what a fleet does most: looking when nothing changed, a step
// that writes, an edit until another process has read it, moving a document of 10
// MB, and starting with nothing. addr is the server's, and open returns a store
// that reaches it at another address; empty for a store without a server.
func Bench(b *testing.B, addr string, open func(t testing.TB, addr string, scope flagcache.Scope) flagcache.Store) {
	storedAt := func(b *testing.B, addr string, size int) (flagcache.Store, flagcache.Claim, *flagcache.Entry) {
		s := open(b, addr, scope())
		mine := bid("bench")
		rec, err := s.Acquire(b.Context(), mine, flagcache.MaxLease)
		if err != nil {
			b.Fatal(err)
		}
		c := flagcache.Claim{Token: mine.Token, Epoch: rec.Lease.Epoch}
		body := document(size)
		e := flagcache.NewEntry(s.Scope(), body, `W/"bench"`)
		e.Position = flagcache.Position{Epoch: c.Epoch, Seq: 1}
		if _, err := s.Save(b.Context(), c, e); err != nil {
			b.Fatal(err)
		}
		return s, c, e
	}
	stored := func(b *testing.B, size int) (flagcache.Store, flagcache.Claim, *flagcache.Entry) {
		return storedAt(b, addr, size)
	}

	b.Run("IdlePollBytes", func(b *testing.B) { // slower, as it is counted on the way
		if addr == "" {
			b.Skip("there is no server")
		}
		p := tcpproxy.Start(b, addr)
		s, _, _ := storedAt(b, p.Addr, 1<<20)
		before := p.Bytes()
		for b.Loop() {
			if _, err := s.Record(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(p.Bytes()-before)/float64(b.N), "wire-B/op")
	})
	b.Run("IdlePoll", func(b *testing.B) {
		s, _, _ := stored(b, 1<<20)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Record(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Renew", func(b *testing.B) {
		s, c, _ := stored(b, 1<<20)
		for b.Loop() {
			if _, err := s.Renew(b.Context(), c, flagcache.MaxLease); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Edit10KB", func(b *testing.B) {
		s, c, e := stored(b, 0)
		seen := follow(b, open(b, addr, s.Scope()))
		for b.Loop() {
			if _, err := s.Renew(b.Context(), c, flagcache.MaxLease); err != nil {
				b.Fatal(err)
			}
			body := bytes.Replace(document(10<<10), []byte("{"), fmt.Appendf(nil, `{"edit":%d,`, e.Seq), 1)
			next := flagcache.NewEntry(s.Scope(), body, "")
			next.Position = flagcache.Position{Epoch: c.Epoch, Seq: e.Seq + 1}
			e = next
			if _, err := s.Save(b.Context(), c, e); err != nil {
				b.Fatal(err)
			}
			for <-seen != e.Position {
			}
		}
	})
	b.Run("Load10MB", func(b *testing.B) {
		s, _, e := stored(b, 10<<20)
		b.SetBytes(int64(len(e.Body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Load(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Save10MB", func(b *testing.B) {
		s, c, e := stored(b, 10<<20)
		b.SetBytes(int64(len(e.Body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Renew(b.Context(), c, flagcache.MaxLease); err != nil {
				b.Fatal(err)
			}
			next := *e
			next.Seq++
			e = &next
			if _, err := s.Save(b.Context(), c, e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ColdStart", func(b *testing.B) {
		s, _, _ := stored(b, 100<<10)
		b.ReportAllocs()
		for b.Loop() {
			coldStart(b, s)
		}
	})
	b.Run("ColdStartByFetching", func(b *testing.B) { // what a process without a store does instead
		server := posthogtest.New(b)
		server.SetDefinitions(document(100 << 10))
		b.ReportAllocs()
		for b.Loop() {
			directStart(b, server)
		}
	})
}

// follow loads the entry whenever the store pushes, and returns what it has seen.
func follow(b *testing.B, s flagcache.Store) <-chan flagcache.Position {
	w, ok := s.(flagcache.Watcher)
	if !ok {
		b.Skip("this store does not push")
	}
	hints, seen := make(chan struct{}, 1), make(chan flagcache.Position)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	b.Cleanup(func() { cancel(); done.Wait() })
	done.Go(func() {
		_ = w.Watch(ctx, func() { // it ends with the benchmark
			select {
			case hints <- struct{}{}:
			default:
			}
		})
	})
	<-hints // it listens
	done.Go(func() {
		for {
			select {
			case <-hints:
			case <-ctx.Done():
				return
			}
			e, err := s.Load(ctx)
			if err != nil {
				continue
			}
			select {
			case seen <- e.Position:
			case <-ctx.Done():
				return
			}
		}
	})
	return seen
}

// document is a definitions document of about so many bytes.
func document(size int) []byte {
	return slices.Concat([]byte(`{"flags":[`), bytes.Repeat([]byte(" "), size), []byte(`]}`))
}

// directStart is a process that asks upstream itself, over a connection of its
// own as a new process has.
func directStart(b *testing.B, server *posthogtest.Server) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client, err := posthogapi.New(posthogapi.Config{
		Host: server.URL, ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey,
		HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := flagcache.PostHog(client).Fetch(b.Context(), ""); err != nil {
		b.Fatal(err)
	}
}

// coldStart is a process that attaches, until it serves.
func coldStart(b *testing.B, s flagcache.Store) {
	f, err := flagcache.New(s, flagcache.Options{ReadOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	sink := &firstSink{applied: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, nil, sink) }()
	<-sink.applied
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// firstSink tells when the first document came.
type firstSink struct {
	fleettest.Sink
	applied chan struct{}
}

func (s *firstSink) Apply(*flagcache.Entry) error {
	close(s.applied)
	return nil
}
