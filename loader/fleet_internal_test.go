package loader

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/flagcache"
)

// told is a sink that writes down what it is told.
type told struct {
	lines []string
	doc   document // the last one received
}

func (t *told) etag() string { return "" }
func (t *told) asking()      {}
func (t *told) received(d document) error {
	t.doc = d
	t.lines = append(t.lines, "received from "+d.source.String())
	return nil
}
func (t *told) confirmed(_ string, source Source, _ time.Time) {
	t.lines = append(t.lines, "confirmed by "+source.String())
}
func (t *told) failed(err error) { t.lines = append(t.lines, "failed: "+causeName(err)) }

func testFleet(t *testing.T, start *document) (*fleet, *told) {
	t.Helper()
	f, err := newFleet(Config{}, start)
	if err != nil {
		t.Fatal(err)
	}
	to := &told{}
	f.to = to
	return f, to
}

// What a coordinator says, one status after the other, and what the keeper is
// told each time.
func TestHeed(t *testing.T) {
	body := []byte(`{"flags":[]}`)
	entry := flagcache.NewEntry(flagcache.Scope{}, body, `"1"`)
	// status is of the entry, or nothing for the zero time.
	status := func(role flagcache.Role, seq uint64, confirmed time.Time) flagcache.Status {
		s := flagcache.Status{Role: role, ConfirmedAt: confirmed}
		if seq > 0 {
			s.Position = flagcache.Position{Epoch: 1, Seq: seq}
		}
		if s.Loaded = !confirmed.IsZero(); s.Loaded {
			s.Revision = entry.Revision
		}
		return s
	}
	failed := func(s flagcache.Status, cause flagcache.Cause) flagcache.Status {
		s.Failure = cause
		return s
	}
	other := func(s flagcache.Status) flagcache.Status {
		s.Revision[0]++
		return s
	}
	const (
		start  = flagcache.RoleStarting
		lead   = flagcache.RoleLeader
		follow = flagcache.RoleFollower
		cutOff = flagcache.RoleCutOff
	)
	later := instant.Add(time.Minute)
	for name, steps := range map[string][]struct {
		status flagcache.Status
		want   string
	}{
		"from the file to the store": {{status(start, 0, instant), ""}, {status(follow, 1, later), "confirmed by store"}, {status(lead, 2, later), "confirmed by upstream"}},
		"nothing learned":            {{status(start, 0, instant), ""}, {status(follow, 0, instant), ""}},
		"a provider's":               {{status(follow, 0, later), "confirmed by store"}},
		"cut off, back": {
			{status(follow, 1, instant), "confirmed by store"},
			{status(cutOff, 1, instant), "failed: cut_off"},
			{status(cutOff, 1, instant), "failed: cut_off"},
			{status(follow, 1, instant), "confirmed by store"},
		},
		"cut off, asked directly": {{status(cutOff, 1, instant), "failed: cut_off"}, {status(cutOff, 1, later), "confirmed by upstream"}},
		"upstream down": {
			{failed(status(follow, 1, instant), flagcache.CauseQuota), "failed: quota_limited"},
			{status(follow, 2, later), "confirmed by store"},
		},
		"cut off, upstream down": {{failed(status(cutOff, 1, instant), flagcache.CauseUnreachable), "failed: unreachable"}},
		"of another document":    {{other(status(follow, 2, later)), ""}},
		"stopped":                {{status(flagcache.RoleStopped, 2, later), ""}},
	} {
		t.Run(name, func(t *testing.T) {
			f, to := testFleet(t, &document{body: body, checkedAt: instant})
			for i, step := range steps {
				to.lines = nil
				f.Notice(step.status)
				f.heed()
				f.heed() // says nothing anew
				var want []string
				if step.want != "" {
					want = []string{step.want}
				}
				if diff := cmp.Diff(to.lines, want); diff != "" {
					t.Errorf("step %d (-got +want):\n%s", i, diff)
				}
			}
		})
	}
}

// Each document is parsed once, and only if it is not the one being served.
func TestFleetParsesOnce(t *testing.T) {
	f, to := testFleet(t, nil)
	entry := flagcache.NewEntry(flagcache.Scope{}, []byte(`{"flags":[]}`), "")
	if err := f.check(entry); err != nil {
		t.Fatal(err)
	}
	checked := f.parsed.defs
	if err := f.apply(entry); err != nil {
		t.Fatal(err)
	}
	if checked == nil || to.doc.defs != checked {
		t.Error("what was checked is parsed again")
	}
	if err := f.check(entry); err != nil || f.parsed.defs != nil {
		t.Errorf("what is being served is parsed again, or refused: %v", err)
	}
}

// The document that follows a refused one ends the trouble with it.
func TestFleetForgetsARefusedDocument(t *testing.T) {
	f, to := testFleet(t, nil)
	good := flagcache.NewEntry(flagcache.Scope{}, []byte(`{"flags":[]}`), "")
	if err := f.check(flagcache.NewEntry(flagcache.Scope{}, []byte(`{}`), "")); !errors.Is(err, ErrBadDocument) {
		t.Errorf("got %v, want it refused", err)
	}
	if err := f.apply(good); err != nil {
		t.Error(err)
	}
	f.Notice(flagcache.Status{Loaded: true, Revision: good.Revision, Position: flagcache.Position{Epoch: 1, Seq: 1}})
	f.heed()
	if diff := cmp.Diff(to.lines, []string{"failed: bad_document", "received from store", "confirmed by store"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// A file of the future, after a clock was set back, is no younger than now: the
// first confirmation counts.
func TestFleetStartIsNotOfTheFuture(t *testing.T) {
	f, to := testFleet(t, &document{body: []byte(`{"flags":[]}`), checkedAt: time.Now().Add(time.Hour)})
	f.Notice(flagcache.Status{Loaded: true, Revision: f.served, ConfirmedAt: time.Now().Add(time.Minute)})
	f.heed()
	if diff := cmp.Diff(to.lines, []string{"confirmed by store"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// noticing is a coordinator that reloads by a notice.
type noticing struct {
	sink  chan flagcache.Sink
	at    time.Time
	known flagcache.Sink
}

func (*noticing) Status() flagcache.Status { return flagcache.Status{Role: flagcache.RoleReader} }

func (n *noticing) Run(ctx context.Context, _ flagcache.Upstream, sink flagcache.Sink) error {
	n.sink <- sink
	<-ctx.Done()
	return nil
}

func (n *noticing) Reload(context.Context) error {
	if n.known == nil {
		n.known = <-n.sink
	}
	n.at = n.at.Add(time.Minute)
	n.known.Notice(flagcache.Status{Loaded: true, Revision: n.known.Current().Revision, ConfirmedAt: n.at})
	return nil
}

// After a reload the status is the one that it led to.
func TestReloadWaitsForTheNotice(t *testing.T) {
	n := &noticing{sink: make(chan flagcache.Sink, 1), at: instant}
	l, err := New(t.Context(), Config{Coordinator: n, Bootstrap: []byte(`{"flags":[]}`)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := l.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := l.Status(); !got.CheckedAt.Equal(n.at) {
			t.Fatalf("reload %d: checked at %v, want %v", i, got.CheckedAt, n.at)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
