// Package hogflagstest gives tests a hogflags client with the flags that they
// want: no network, no sleeping, nothing shared between tests.
//
//	client := hogflagstest.Client(t, hogflagstest.Flags{"beta": true, "checkout": "blue"})
//
// The client is a real one: flags are evaluated by the rules that PostHog's are,
// so that dependencies, payloads and reasons are as in production. [New] gives
// more than the client: flags that change within a test, a clock, and the events
// that were reported.
package hogflagstest

import (
	"context"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hogflags/hogflags"
)

// Client is a client with these flags and no others. It is closed when the test
// ends.
func Client(t testing.TB, flags Flags) *hogflags.Client {
	t.Helper()
	return New(t, Config{Flags: flags}).Client
}

// Config says what flags there are. The zero value has none.
type Config struct {
	// Flags are added to the Definitions, and take the place of flags that
	// have the same key.
	Flags Flags

	// Definitions is a definitions document, as PostHog serves it. Nil: none.
	Definitions []byte

	// File is the name of a file with Definitions. Empty: none.
	File string

	// Configure changes how the client is made, such as its TimeZone. What it
	// sets of PostHog's address, key and HTTP client is not used. Nil: nothing
	// is changed.
	Configure func(*hogflags.Config)
}

// Fixture is a client with what a test wants to do to it. It is safe for
// concurrent use.
type Fixture struct {
	Client *hogflags.Client

	upstream *upstream
	events   recorder
	now      atomic.Pointer[time.Time] // nil: the time is the real one
}

// New makes a fixture, whose client evaluates locally only and is closed when
// the test ends. Definitions that cannot be used end the test.
func New(t testing.TB, cfg Config) *Fixture {
	t.Helper()
	document := cfg.Definitions
	if cfg.File != "" {
		var err error
		if document, err = os.ReadFile(cfg.File); err != nil {
			t.Fatalf("hogflagstest: read definitions: %v", err)
		}
	}
	f := &Fixture{upstream: &upstream{}}
	err := f.upstream.start(document, cfg.Flags)
	if err != nil {
		t.Fatalf("hogflagstest: %v", err)
	}
	config := hogflags.Config{
		OnlyEvaluateLocally: true,
		Overrides:           map[string]any{}, // a developer's environment must not change a test
		Events:              &f.events,
		Now:                 f.time,
	}
	if cfg.Configure != nil {
		cfg.Configure(&config)
	}
	config.ProjectToken, config.SecretKey, config.SecretKeyFunc = "phc_hogflagstest", "phs_hogflagstest", nil
	config.Host, config.HTTPClient = "http://hogflags.test", f.upstream.client()
	config.PollInterval = 24 * time.Hour // changes are announced, see change
	config.Bootstrap = f.upstream.document()
	if f.Client, err = hogflags.New(context.Background(), config); err != nil {
		t.Fatalf("hogflagstest: %v", err)
	}
	t.Cleanup(func() { _ = f.Client.Close() })
	return f
}

// Set gives a flag another value from now on, for all who share the client. It
// returns when evaluations see it, also those of flags that rest on it. value is
// as in [Flags].
func (f *Fixture) Set(t testing.TB, key string, value any) {
	t.Helper()
	f.change(t, func() error { return f.upstream.set(key, value) })
}

// Override is [Fixture.Set] until the test t ends, which may be a subtest.
func (f *Fixture) Override(t testing.TB, key string, value any) {
	t.Helper()
	before := f.upstream.flag(key)
	f.Set(t, key, value)
	t.Cleanup(func() { f.change(t, func() error { f.upstream.put(key, before); return nil }) })
}

// Remove deletes a flag.
func (f *Fixture) Remove(t testing.TB, key string) {
	t.Helper()
	f.change(t, func() error { f.upstream.put(key, nil); return nil })
}

func (f *Fixture) change(t testing.TB, edit func() error) {
	t.Helper()
	err := edit()
	if err == nil {
		err = f.Client.ReloadFeatureFlags(context.Background())
	}
	if err != nil {
		t.Fatalf("hogflagstest: %v", err)
	}
}

// SetNow stops the clock for evaluations at a time. Subjects with a time of
// their own keep it. The zero time lets the real clock go on.
func (f *Fixture) SetNow(now time.Time) {
	if now.IsZero() {
		f.now.Store(nil)
		return
	}
	f.now.Store(&now)
}

func (f *Fixture) time() time.Time {
	if now := f.now.Load(); now != nil {
		return *now
	}
	return time.Now()
}
