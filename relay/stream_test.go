package relay_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// subscription is a stream that a test reads.
type subscription struct {
	status int
	events chan map[string]string // by field; closed when the stream ends
}

func (r *running) subscribe(t *testing.T, path string, header ...string) *subscription {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := web.Do(req) //nolint:bodyclose // the goroutine below closes it
	if err != nil {
		t.Fatal(err)
	}
	s := &subscription{status: resp.StatusCode, events: make(chan map[string]string, 100)}
	go func() {
		defer close(s.events)
		defer func() { _ = resp.Body.Close() }()
		event := map[string]string{}
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			name, value, ok := strings.Cut(lines.Text(), ": ")
			switch {
			case ok:
				event[name] = value
			case lines.Text() == "" && event["data"] != "":
				s.events <- event
				event = map[string]string{}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range s.events { // until it is closed
		}
	})
	return s
}

// next is the next event, nil if the stream has ended.
func (s *subscription) next(t *testing.T) map[string]string {
	t.Helper()
	select {
	case e := <-s.events:
		return e
	case <-time.After(time.Minute):
		t.Fatal("no event, and the stream goes on")
		return nil
	}
}

func startStreams(t *testing.T, options ...option) (*running, *posthogtest.Server) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	r := start(t, up, options...)
	r.ready(t)
	return r, up
}

const ofrepStream = "/ofrep/v1/events?token=" + posthogtest.ProjectToken

// A subscriber hears of what it has not seen, of each change, and after an
// interruption of what it missed.
func TestStreamResumes(t *testing.T) {
	r, up := startStreams(t)
	first := revisionOf(t, r)
	fresh := r.subscribe(t, ofrepStream)
	if e := fresh.next(t); e["id"] != first || e["event"] != "message" {
		t.Fatalf("got %v, want what is served now", e)
	}
	knowing := r.subscribe(t, ofrepStream+"&since="+first)
	changes := r.subscribe(t, "/hogflags/v1/changes", bearer...)
	if e := changes.next(t); e["id"] != first || e["event"] != "change" || e["data"] != `{"revision":"`+first+`"}` {
		t.Errorf("got %v", e)
	}
	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	e := knowing.next(t)
	second := e["id"]
	var data struct {
		Type, ETag   string
		LastModified int64
	}
	if err := json.Unmarshal([]byte(e["data"]), &data); err != nil {
		t.Fatal(err)
	}
	if second == first || data.Type != "refetchEvaluation" || data.ETag != `"`+second+`"` || time.Since(time.Unix(data.LastModified, 0)) > time.Minute {
		t.Errorf("got %v", e)
	}
	if fresh.next(t)["id"] != second || changes.next(t)["id"] != second {
		t.Error("not all subscribers heard of the change")
	}
	resumed := r.subscribe(t, ofrepStream+"&since="+first, "Last-Event-ID", first)
	if e := resumed.next(t); e["id"] != second {
		t.Errorf("after an interruption: %v, want %s", e, second)
	}
	current := r.subscribe(t, ofrepStream+"&since="+first, "Last-Event-ID", second)
	if err := up.SetActive("on", true); err != nil {
		t.Fatal(err)
	}
	if e := current.next(t); e["id"] == second {
		t.Errorf("%v, want the change alone", e)
	}
}

func TestStreamAccess(t *testing.T) {
	r, _ := startStreams(t)
	for _, test := range []struct {
		path   string
		header []string
		want   int
	}{
		{"/ofrep/v1/events", nil, 401},
		{"/ofrep/v1/events?token=phc_other", nil, 401},
		{"/ofrep/v1/events", bearer, 200},
		{ofrepStream, nil, 200},
		{"/hogflags/v1/changes", nil, 401},
		{"/hogflags/v1/changes?token=" + posthogtest.ProjectToken, nil, 401},
		{"/hogflags/v1/changes", []string{"Authorization", "Bearer phs_other"}, 401},
		{"/hogflags/v1/changes", bearer, 200},
	} {
		if got := r.subscribe(t, test.path, test.header...).status; got != test.want {
			t.Errorf("%s with %q: %d, want %d", test.path, test.header, got, test.want)
		}
	}
	if a := r.ask(t, http.MethodPost, "/hogflags/v1/changes", bearer...); a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", a.status)
	}
}

// Stopping ends the streams, and does not wait for who holds one.
func TestStreamsEndWithTheRelay(t *testing.T) {
	r, _ := startStreams(t)
	s := r.subscribe(t, ofrepStream)
	s.next(t)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if e := s.next(t); e != nil {
		t.Errorf("got %v, want the end", e)
	}
	if strings.Contains(r.logs.String(), "cut off") {
		t.Errorf("the relay waited for a stream:\n%s", r.logs)
	}
}

// A stream ends with the feed that it tells of, so that the client asks again.
func TestStreamsEndWithTheirFeed(t *testing.T) {
	r, up := startStreams(t)
	s := r.subscribe(t, ofrepStream)
	s.next(t)
	cfg := config(up)
	cfg.Projects[0].PollInterval = 2 * time.Second
	if err := r.relay.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if e := s.next(t); e != nil {
		t.Errorf("got %v, want the end", e)
	}
}

// Who was told of a change by one replica is not answered from what was before
// by another.
func TestRefetchWaitsForTheRevision(t *testing.T) {
	r, up := startStreams(t, project(func(p *relay.Project) { p.Remote = relay.RemoteNever }))
	before := revisionOf(t, r)
	s := r.subscribe(t, ofrepStream+"&since="+before)
	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	after := s.next(t)["id"]
	for _, test := range []struct{ wait, want string }{{after, after}, {before, after}} {
		a := r.send(t, http.MethodPost, flagsPath+"?flagConfigEtag=%22"+test.wait+"%22", adaAlone, bearer...)
		if a.status != http.StatusOK || !strings.Contains(a.body, `"revision":"`+test.want) {
			t.Errorf("waiting for %s: %d %s", test.wait, a.status, a.body)
		}
	}
	// The replica learns of the revision while the request waits.
	answered := make(chan string, 1)
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+flagsPath+"?flagConfigEtag=future", strings.NewReader(adaAlone))
		req.Header.Set(bearer[0], bearer[1])
		resp, err := web.Do(req)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		b, _ := io.ReadAll(resp.Body)
		answered <- string(b)
	}()
	if body := <-answered; !strings.Contains(body, `"revision":"`+after) {
		t.Errorf("a revision that never comes: %s", body)
	}
}

// A stream on a connection of its own looks like any other answer.
func TestStreamHead(t *testing.T) {
	r, _ := startStreams(t)
	read := func(version string) (header http.Header, whole bool) {
		t.Helper()
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := fmt.Fprintf(conn, "GET %s %s\r\nHost: relay\r\nOrigin: https://page.test\r\n\r\n", ofrepStream, version); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(); _ = resp.Body.Close() }()
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "retry: 1000\n" {
			t.Errorf("%s: begins with %q, %v", version, line, err)
		}
		if date, err := http.ParseTime(resp.Header.Get("Date")); err != nil || time.Since(date) > time.Minute {
			t.Errorf("%s: Date %q", version, resp.Header.Get("Date"))
		}
		resp.Header.Del("Date")
		return resp.Header, resp.StatusCode == http.StatusOK && resp.Close && slices.Equal(resp.TransferEncoding, []string{"chunked"})
	}
	own, whole := read("HTTP/1.1")
	if !whole || own.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("got %v, want chunks, and a connection that is closed after them", own)
	}
	theirs, _ := read("HTTP/1.0") // by net/http
	if diff := cmp.Diff(own, theirs); diff != "" {
		t.Errorf("headers (-own +net/http):\n%s", diff)
	}
}

// In HTTP/2 a connection has many streams, and none can have it for itself.
func TestStreamOverHTTP2(t *testing.T) {
	r, up := startStreams(t)
	server := httptest.NewUnstartedServer(r.relay)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/hogflags/v1/changes", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(bearer[0], bearer[1])
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	told := 0
	for lines := bufio.NewScanner(resp.Body); told < 2 && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "id: ") {
			told++
		}
	}
	if resp.ProtoMajor != 2 || told != 2 {
		t.Errorf("HTTP/%d, told of %d revisions, want 2 over HTTP/2", resp.ProtoMajor, told)
	}
}
