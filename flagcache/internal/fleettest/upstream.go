// Package fleettest has the fakes that the tests of the fleet protocol share.
package fleettest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// Scope is the scope of all tests.
var Scope = flagcache.Scope{Project: "phc_test", Host: "https://us.i.posthog.com"}

// Doc is a small document that says which version it is.
func Doc(version int) string {
	return fmt.Sprintf(`{"flags":[{"key":"beta","version":%d}],"group_type_mapping":{},"cohorts":{}}`, version)
}

// Upstream serves one document, conditionally, and remembers who asked. A
// document's ETag depends on its bytes alone, as PostHog's does.
type Upstream struct {
	Latency time.Duration // set before use

	mu    sync.Mutex
	body  string
	err   error
	calls []Request
}

// Request is one request and how it was answered.
type Request struct {
	At     time.Time
	By     string
	ETag   string
	Status int // 200, 304, or 0 for an error
}

// NewUpstream serves Doc(version).
func NewUpstream(version int) *Upstream { return &Upstream{body: Doc(version)} }

// Publish changes the document.
func (u *Upstream) Publish(body string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.body = body
}

// Fail makes every request fail with err, or none if it is nil.
func (u *Upstream) Fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

// Requests returns the requests so far.
func (u *Upstream) Requests() []Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Request(nil), u.calls...)
}

// Count returns how many requests got the status.
func (u *Upstream) Count(status int) int {
	n := 0
	for _, r := range u.Requests() {
		if r.Status == status {
			n++
		}
	}
	return n
}

// For is upstream as a process of that name reaches it.
func (u *Upstream) For(name string) flagcache.Upstream { return client{u, name} }

type client struct {
	u    *Upstream
	name string
}

func (c client) Fetch(ctx context.Context, etag string) (flagcache.Answer, error) {
	if c.u.Latency > 0 {
		select {
		case <-time.After(c.u.Latency):
		case <-ctx.Done():
			return flagcache.Answer{}, ctx.Err()
		}
	}
	return c.u.answer(c.name, etag)
}

func (u *Upstream) answer(by, etag string) (flagcache.Answer, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := Request{At: time.Now(), By: by, ETag: etag}
	defer func() { u.calls = append(u.calls, r) }()
	if u.err != nil {
		return flagcache.Answer{}, u.err
	}
	current := ETag(u.body)
	if etag == current {
		r.Status = 304
		return flagcache.Answer{NotModified: true}, nil
	}
	r.Status = 200
	return flagcache.Answer{Body: []byte(u.body), ETag: current}, nil
}

// ETag is the validator of a document.
func ETag(body string) string {
	rev := flagcache.RevisionOf([]byte(body))
	return fmt.Sprintf(`W/"%x"`, rev[:8])
}
