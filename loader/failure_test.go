package loader_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

var newETag = map[string][]string{"ETag": {`"of the bad document"`}}

// failures is every way to fail, with the kind of the cause.
var failures = []struct {
	name    string
	failure posthogtest.Failure
	kind    posthogapi.Kind
	bad     bool // the document itself is refused
}{
	{name: "400", failure: posthogtest.Failure{Status: 400}, kind: posthogapi.Rejected},
	{name: "401", failure: posthogtest.Failure{Status: 401}, kind: posthogapi.Unauthorized},
	{name: "402", failure: posthogtest.Failure{Status: 402}, kind: posthogapi.QuotaLimited},
	{name: "403", failure: posthogtest.Failure{Status: 403}, kind: posthogapi.Forbidden},
	{name: "404", failure: posthogtest.Failure{Status: 404}, kind: posthogapi.NotPostHog},
	{name: "429", failure: posthogtest.Failure{Status: 429}, kind: posthogapi.RateLimited},
	{name: "500", failure: posthogtest.Failure{Status: 500}, kind: posthogapi.Unavailable},
	{name: "503", failure: posthogtest.Failure{Status: 503}, kind: posthogapi.Unavailable},
	{name: "a proxy's 502", failure: posthogtest.Failure{Status: 502, Body: "<html>"}, kind: posthogapi.Unavailable},
	{name: "a login page", failure: posthogtest.Failure{Status: 200, Body: "<html>", Header: newETag}, kind: posthogapi.NotPostHog},
	{name: "garbage", failure: posthogtest.Failure{Status: 200, Body: `{"flags":[{`, Header: newETag}, bad: true},
	{name: "no flags", failure: posthogtest.Failure{Status: 200, Body: `{}`, Header: newETag}, bad: true},
	{name: "flags are no list", failure: posthogtest.Failure{Status: 200, Body: `{"flags":null}`, Header: newETag}, bad: true},
	{name: "an error with status 200", failure: posthogtest.Failure{Status: 200, Body: `{"detail":"no"}`, Header: newETag}, bad: true},
	{name: "half a body", failure: posthogtest.Failure{Status: 200, Body: strings.Repeat(documentB, 9), Truncate: true}},
	{name: "connection cut", failure: posthogtest.Failure{Cut: true}},
	{name: "no answer (R15)", failure: posthogtest.Failure{Delay: time.Hour}},
}

// The last good definitions are kept through every failure, with the ETag that
// belongs to them (R2, R14): the request after the recovery is conditional on
// what is held, and so sees what changed in the meantime.
func TestFailuresKeepTheLastGood(t *testing.T) {
	for _, tt := range failures {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				l := ready(t, srv, loader.Config{})
				synctest.Wait()
				good, rules := l.Status(), l.Rules()

				srv.Fail(tt.failure)
				if err := l.Reload(t.Context()); err == nil {
					t.Error("Reload: no error")
				}
				got := l.Status()
				if got.State != loader.Stale || got.Failed != 1 || l.Rules() != rules {
					t.Errorf("state %v, %d failed, same rules %v; want stale, 1, true", got.State, got.Failed, l.Rules() == rules)
				}
				if got.Revision != good.Revision || got.ETag != good.ETag || got.CheckedAt != good.CheckedAt {
					t.Errorf("holds %+v, want what it held before: %+v", got, good)
				}
				if posthogapi.KindOf(got.Cause) != tt.kind || errors.Is(got.Cause, loader.ErrBadDocument) != tt.bad {
					t.Errorf("cause %v; want kind %v, bad document %v", got.Cause, tt.kind, tt.bad)
				}

				srv.Recover()
				if err := l.Reload(t.Context()); err != nil {
					t.Errorf("after recovery: %v", err)
				}
				if got := l.Status(); got.State != loader.Current || got.Cause != nil || got.NotModified != 1 || got.Full != 1 {
					t.Errorf("after recovery: %+v; want it confirmed by a 304", got)
				}
				srv.SetDefinitions([]byte(documentB))
				if err := l.Reload(t.Context()); err != nil || l.Status().Revision != flagdef.RevisionOf([]byte(documentB)) {
					t.Errorf("after a change: %v, %+v", err, l.Status())
				}
			})
		})
	}
}

func TestFailuresWhileEmpty(t *testing.T) {
	for _, tt := range failures {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				srv.Fail(tt.failure)
				l := start(t, srv, loader.Config{})
				if err := l.Reload(t.Context()); err == nil {
					t.Error("Reload: no error")
				}
				if got := l.Status(); got.State != loader.Empty || got.Cause == nil || got.Source != loader.NoSource || l.Rules() != nil {
					t.Errorf("got %+v; want empty, with a cause", got)
				}
				srv.Recover()
				if err := l.WaitUntilReady(within(t, 5*time.Minute)); err != nil {
					t.Errorf("after recovery: %v", err)
				}
				for _, r := range srv.Requests() {
					if got := r.Header.Get("If-None-Match"); got != "" && r.Kind != posthogtest.NotModified {
						t.Errorf("sent If-None-Match %s while holding nothing", got)
					}
				}
			})
		})
	}
}

func gaps(requests []posthogtest.Request) []time.Duration {
	var gaps []time.Duration
	for i, r := range requests[1:] {
		gaps = append(gaps, r.Time.Sub(requests[i].Time))
	}
	return gaps
}

func TestBackoff(t *testing.T) {
	tests := []struct {
		interval time.Duration
		want     []time.Duration // before jitter; the last goes on
	}{
		{30 * time.Second, []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute}},
		{time.Second, []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 64e9, 120e9}},
		{10 * time.Minute, []time.Duration{10 * time.Minute}},
	}
	for _, tt := range tests {
		t.Run(tt.interval.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				srv.Fail(posthogtest.Failure{Status: 503})
				start(t, srv, loader.Config{PollInterval: tt.interval})
				time.Sleep(12 * tt.want[len(tt.want)-1])
				got := gaps(srv.Requests())
				if len(got) < 9 {
					t.Errorf("only %d requests", len(got)+1)
				}
				for i, gap := range got {
					want := tt.want[min(i, len(tt.want)-1)]
					if gap < want || gap > want+want/10 {
						t.Errorf("gap %d: %v, want %v, or up to 10%% more", i, gap, want)
					}
				}
			})
		})
	}
}

func TestBackoffEndsWithTheFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Status: 503, Times: 4})
		start(t, srv, loader.Config{})
		time.Sleep(15 * time.Minute)
		for i, gap := range gaps(srv.Requests())[4:] {
			if gap < 27*time.Second || gap > 33*time.Second {
				t.Errorf("gap %d after the recovery: %v, want the interval", i, gap)
			}
		}
		asked := len(srv.Requests())
		srv.Fail(posthogtest.Failure{Status: 503})
		time.Sleep(67 * time.Second) // enough for the first failure and the one that follows it
		if got := len(srv.Requests()) - asked; got < 2 {
			t.Errorf("%d requests early in the second outage, want its backoff to start anew", got)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name       string
		status     int
		retryAfter string
		least      time.Duration
		most       time.Duration
	}{
		{"rate limit", 429, "300", 5 * time.Minute, 330 * time.Second},
		{"quota", 402, "600", 10 * time.Minute, 11 * time.Minute},
		{"overload", 503, "400", 400 * time.Second, 440 * time.Second},
		{"shorter than the interval", 503, "5", 30 * time.Second, 33 * time.Second},
		{"longer than an hour", 429, "86400", time.Hour, time.Hour},
		{"absurd", 429, "99999999999999999999", time.Hour, time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				srv.Fail(posthogtest.Failure{Status: tt.status, RetryAfter: tt.retryAfter, Times: 1})
				start(t, srv, loader.Config{})
				time.Sleep(tt.most + time.Second)
				got := gaps(srv.Requests())
				if len(got) == 0 || got[0] < tt.least || got[0] > tt.most {
					t.Errorf("next request after %v, want %v to %v", got, tt.least, tt.most)
				}
			})
		})
	}
}

// While upstream has asked to be left alone, a webhook that calls Reload must
// not become the herd that it asked to be spared.
func TestReloadHonoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		l := ready(t, srv, loader.Config{})
		srv.Fail(posthogtest.Failure{Status: 429, RetryAfter: "120", Times: 1})
		if err := l.Reload(t.Context()); posthogapi.KindOf(err) != posthogapi.RateLimited {
			t.Errorf("got %v, want the 429", err)
		}
		asked := len(srv.Requests())
		for range 5 {
			time.Sleep(20 * time.Second)
			err := l.Reload(t.Context())
			if posthogapi.KindOf(err) != posthogapi.RateLimited || !strings.Contains(err.Error(), "left alone until") {
				t.Errorf("got %v, want the 429 and until when it holds", err)
			}
		}
		if got := len(srv.Requests()); got != asked {
			t.Errorf("%d requests in the time to be left alone", got-asked)
		}
		time.Sleep(20 * time.Second)
		if err := l.Reload(t.Context()); err != nil {
			t.Errorf("after that time: %v", err)
		}
	})
}

func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logs
		srv := newServer(t)
		l := ready(t, srv, loader.Config{Logger: log.logger()})
		const failed = "definitions not refreshed"
		for _, f := range []posthogtest.Failure{{Status: 503}, {Status: 503, Body: "a proxy's words"}, {Status: 401}, {Status: 200, Body: "{}"}} {
			srv.Fail(f)
			_ = l.Reload(t.Context())
			_ = l.Reload(t.Context())
		}
		if got := log.count("WARN", failed); got != 4 {
			t.Errorf("%d warnings for 4 causes:\n%s", got, &log)
		}
		if got := log.count("DEBUG", failed); got != 4 {
			t.Errorf("%d repetitions at debug level, want 4:\n%s", got, &log)
		}
		srv.Recover()
		_ = l.Reload(t.Context())
		_ = l.Reload(t.Context())
		if got := log.count("INFO", "current again"); got != 1 {
			t.Errorf("%d recoveries, want 1:\n%s", got, &log)
		}
		if text := log.String(); strings.Contains(text, posthogtest.SecretKey) || strings.Contains(text, posthogtest.ProjectToken) {
			t.Errorf("the log holds a key:\n%s", text)
		}
	})
}

func TestMassLossIsAcceptedAndReported(t *testing.T) {
	document := func(keys string) []byte {
		var flags []string
		for k := range strings.FieldsSeq(keys) {
			flags = append(flags, `{"active":true,"filters":{},"key":"`+k+`"}`)
		}
		return []byte(`{"flags":[` + strings.Join(flags, ",") + `]}`)
	}
	tests := []struct {
		name, from, to string
		want           int
	}{
		{"most", "a b c d e f", "a b", 1},
		{"all", "a b c d e f", "", 1},
		{"all, replaced", "a b c d e f", "g h i j k l", 1},
		{"half", "a b c d e f", "a b c", 0},
		{"of a small project", "a b c d", "", 0},
		{"none", "a b c d e f", "a b c d e f g", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logs
				srv := newServer(t)
				srv.SetDefinitions(document(tt.from))
				l := ready(t, srv, loader.Config{Logger: log.logger()})
				srv.SetDefinitions(document(tt.to))
				if err := l.Reload(t.Context()); err != nil || l.Status().Flags != len(strings.Fields(tt.to)) {
					t.Errorf("%v, %+v; want the document accepted", err, l.Status())
				}
				if got := log.count("WARN", "lost most of their flags"); got != tt.want {
					t.Errorf("%d warnings, want %d:\n%s", got, tt.want, &log)
				}
			})
		})
	}
}

func TestUnusableFlagsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logs
		srv := newServer(t)
		srv.SetDefinitions([]byte(`{"flags":[{"key":"good","active":true,"filters":{}},{"key":"odd","active":true,"filters":7}]}`))
		l := ready(t, srv, loader.Config{Logger: log.logger()})
		synctest.Wait()
		if got := l.Status(); got.State != loader.Current || got.Flags != 2 {
			t.Errorf("got %+v, want the document accepted", got)
		}
		if log.count("WARN", "cannot be evaluated") != 1 || !strings.Contains(log.String(), "odd") {
			t.Errorf("want one warning that names the flag:\n%s", &log)
		}
	})
}
