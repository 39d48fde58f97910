package relay_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

var loopbackNet = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// echo is an upstream that keeps what reaches it beside definitions.
type echo struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen
}

type seen struct {
	method, uri, host string
	header            http.Header
	body              string
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	e := &echo{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/flags/definitions" {
			_, _ = io.WriteString(w, posthogtest.EmptyDefinitions)
			return
		}
		body, _ := io.ReadAll(req.Body)
		e.mu.Lock()
		e.seen = append(e.seen, seen{req.Method, req.RequestURI, req.Host, req.Header.Clone(), string(body)})
		e.mu.Unlock()
		w.Header().Set("X-Upstream", "yes")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status":1}`)
	}))
	t.Cleanup(e.Close)
	return e
}

// last is what was seen last, nil if nothing was.
func (e *echo) last() *seen {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.seen) == 0 {
		return nil
	}
	return &e.seen[len(e.seen)-1]
}

func (e *echo) forget() { e.mu.Lock(); e.seen = nil; e.mu.Unlock() }

func (e *echo) config() *posthogtest.Server { return &posthogtest.Server{URL: e.URL} }

// Bodies, paths and queries reach PostHog as they came, and its answers the
// client.
func TestPassThrough(t *testing.T) {
	up, assets := newEcho(t), newEcho(t)
	r := start(t, up.config(), project(func(p *relay.Project) { p.AssetsHost = assets.URL }))
	packed := zip(`{"api_key":"phc_x","event":"e"}`) + "\x00\xff"
	for _, test := range []struct {
		method, path, body string
		to                 *echo
	}{
		{"POST", "/batch/", packed, up},
		{"POST", "/i/v0/e/?compression=gzip-js&ip=1&_=17", packed, up},
		{"POST", "/e/", "data=abc%3D", up},
		{"POST", "/s/?compression=gzip-js", strings.Repeat("recording", 100_000), up},
		{"GET", "/array/phc_posthogtest/config.js", "", assets},
		{"GET", "/static/array.js?v=1.2", "", assets},
		{"GET", "/api/surveys/?token=phc_posthogtest", "", up},
		{"GET", "/api/projects/1/feature_flags/a%2Fb%20c/?x=%7B", "", up},
		{"GET", "/flags?v=2", "", up},
		{"PATCH", "/api/x", "{}", up},
		{"OPTIONS", "/batch/", "", up},
		{"HEAD", "/static/array.js", "", assets},
		{"GET", "/", "", up},
		{"GET", "/staticky", "", up},
	} {
		up.forget()
		assets.forget()
		a := r.send(t, test.method, test.path, test.body, "Content-Type", "text/plain", "Content-Encoding", "x-own")
		got := test.to.last()
		if got == nil {
			t.Errorf("%s %s did not arrive: %d %s", test.method, test.path, a.status, a.body)
			continue
		}
		if got.method != test.method || got.uri != test.path || got.body != test.body || "http://"+got.host != test.to.URL {
			t.Errorf("%s %s arrived as %s %s at %s with %d bytes of %d", test.method, test.path, got.method, got.uri, got.host, len(got.body), len(test.body))
		}
		if got.header.Get("Content-Encoding") != "x-own" || got.header.Get("Content-Type") != "text/plain" {
			t.Errorf("%s %s arrived with %v", test.method, test.path, got.header)
		}
		if a.status != http.StatusAccepted || a.header.Get("X-Upstream") != "yes" || a.header.Get("X-Hogflags-Answered") != "upstream" {
			t.Errorf("%s %s: %d %v, want PostHog's answer", test.method, test.path, a.status, a.header)
		}
		if test.method != "HEAD" && a.body != `{"status":1}` {
			t.Errorf("%s %s: body %q", test.method, test.path, a.body)
		}
	}
}

// PostHog places a person by the first address of X-Forwarded-For: only a
// trusted proxy may say it.
func TestClientAddressIsForwarded(t *testing.T) {
	for name, test := range map[string]struct {
		trusted []netip.Prefix
		sent    []string
		want    string
	}{
		"nobody trusted":    {nil, []string{"X-Forwarded-For", "203.0.113.9"}, "127.0.0.1"},
		"trusted":           {loopbackNet, []string{"X-Forwarded-For", "203.0.113.9"}, "203.0.113.9, 127.0.0.1"},
		"trusted, silent":   {loopbackNet, nil, "127.0.0.1"},
		"others trusted":    {[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{"X-Forwarded-For", "203.0.113.9"}, "127.0.0.1"},
		"as hop by hop":     {nil, []string{"X-Forwarded-For", "203.0.113.9", "Connection", "X-Forwarded-For"}, "127.0.0.1"},
		"trusted, two hops": {loopbackNet, []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-For", "198.51.100.2"}, "203.0.113.9, 198.51.100.2, 127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			up := newEcho(t)
			r := start(t, up.config(), func(c *relay.Config, _ *relay.Options) { c.TrustedProxies = test.trusted })
			_ = r.send(t, "POST", "/batch/", "{}", test.sent...)
			if got := up.last().header.Get("X-Forwarded-For"); got != test.want {
				t.Errorf("X-Forwarded-For %q, want %q", got, test.want)
			}
		})
	}
}

// A relay key ends here. Where an SDK means PostHog's secret by it, that takes
// its place; keys of PostHog's own pass.
func TestKeysInPassing(t *testing.T) {
	up := newEcho(t)
	r := start(t, up.config())
	config := "/api/projects/@current/feature_flags/limits/remote_config?token=" + posthogtest.ProjectToken
	for _, test := range []struct{ method, path, key, want string }{
		{"GET", config, key, "Bearer " + posthogtest.SecretKey},
		{"GET", strings.Replace(config, "?", "/?", 1), key, "Bearer " + posthogtest.SecretKey},
		{"POST", config, key, ""},
		{"GET", config, "phx_somebody", "Bearer phx_somebody"},
		{"GET", strings.Replace(config, posthogtest.ProjectToken, "phc_other", 1), key, "Bearer " + posthogtest.SecretKey},
		{"GET", "/api/projects/1/feature_flags/", key, ""},
		{"GET", "/api/projects/@current/feature_flags/a%2Fb/remote_config/", key, "Bearer " + posthogtest.SecretKey},
		{"GET", "/api/projects/@current/feature_flags/a/b/remote_config/", key, ""},
		{"GET", "/api/projects/@current/feature_flags//remote_config/", key, ""},
		{"POST", "/batch/", key, ""},
		{"GET", "/api/projects/1/", "phx_somebody", "Bearer phx_somebody"},
	} {
		up.forget()
		_ = r.send(t, test.method, test.path, "", "Authorization", "Bearer "+test.key)
		if got := up.last().header.Get("Authorization"); got != test.want {
			t.Errorf("%s %s with %s: arrives as %q, want %q", test.method, test.path, test.key, got, test.want)
		}
	}
	for _, test := range []struct{ name, value, want string }{
		{"Authorization", "bearer " + key, ""},
		{"Authorization", key, ""},
		{"X-Api-Key", key, ""},
		{"Authorization", "Basic YTpi", "Basic YTpi"},
		{"X-Api-Key", "phx_somebody", "phx_somebody"},
	} {
		up.forget()
		_ = r.send(t, "POST", "/batch/", "", test.name, test.value)
		if got := up.last().header.Get(test.name); got != test.want {
			t.Errorf("%s: %s arrives as %q, want %q", test.name, test.value, got, test.want)
		}
	}
}

// A path that servers read in different ways goes nowhere.
func TestPathTricks(t *testing.T) {
	up := newEcho(t)
	r := start(t, up.config())
	for _, path := range []string{
		"/static/../flags/definitions", "/static/%2e%2e/flags/definitions", "/static/..%2fflags", "/static/..%5cflags",
		"/./flags/definitions", "/flags/..;/definitions", "/a/%2E./b", "/a%00b", "/a%0d%0ab", `/a%5C..%5Cb`, "/..", "/flags/definitions/..",
	} {
		up.forget()
		conn := dial(t, r)
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", path, key)
		status := readStatus(t, conn)
		if status != http.StatusBadRequest || up.last() != nil {
			t.Errorf("%s: status %d, arrived %v, want 400 and nothing", path, status, up.last() != nil)
		}
	}
	for _, path := range []string{"//flags/definitions", "/flags//definitions", "/flags/definitions//", "/FLAGS/definitions", "/flags%2Fdefinitions/x"} {
		up.forget()
		conn := dial(t, r)
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", path, key)
		_ = readStatus(t, conn)
		if got := up.last(); got == nil || got.uri != path || got.header.Get("Authorization") != "" {
			t.Errorf("%s arrived as %+v, want it as it is, without the key", path, got)
		}
	}
}

// What two servers could read as two requests is refused.
func TestNoSmuggling(t *testing.T) {
	up := newEcho(t)
	r := start(t, up.config())
	const inner = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, request := range map[string]string{
		"two lengths":          "POST /batch/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" + inner,
		"two codings":          "POST /batch/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + inner,
		"unknown coding":       "POST /batch/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" + inner,
		"blank before a colon": "POST /batch/ HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\n" + inner,
		"newline in a header":  "POST /batch/ HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n" + inner,
		"two hosts":            "GET /batch/ HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + inner,
		"negative length":      "POST /batch/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" + inner,
	} {
		up.forget()
		conn := dial(t, r)
		_, _ = io.WriteString(conn, request)
		if status := readStatus(t, conn); status/100 != 4 && status != http.StatusNotImplemented || up.last() != nil {
			t.Errorf("%s: status %d, arrived %v, want it refused", name, status, up.last())
		}
	}
	// A length beside chunks does not count, and does not travel on.
	conn := dial(t, r)
	_, _ = io.WriteString(conn, "POST /batch/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"+inner)
	_ = readStatus(t, conn)
	up.mu.Lock()
	defer up.mu.Unlock()
	for _, got := range up.seen {
		if got.uri != "/batch/" || got.body != "hello" {
			t.Errorf("arrived: %s %q", got.uri, got.body)
		}
	}
}

func dial(t *testing.T, r *running) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func readStatus(t *testing.T, conn net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// Events arrive while the stream goes on.
func TestEventStream(t *testing.T) {
	next := make(chan string)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/flags/definitions" {
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range next {
			_, _ = io.WriteString(w, event)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	t.Cleanup(up.Close)
	r := start(t, &posthogtest.Server{URL: up.URL})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { next <- "data: 0\n\n" }()
	resp, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		if i > 0 {
			next <- fmt.Sprintf("data: %d\n\n", i)
		}
		line, err := lines.ReadString('\n')
		if want := fmt.Sprintf("data: %d\n", i); err != nil || line != want {
			t.Fatalf("read %q, %v, want %q", line, err, want)
		}
		_, _ = lines.ReadString('\n')
	}
	close(next)
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("the end: %q, %v", rest, err)
	}
}

// A connection that changes its protocol becomes the two ends' own.
func TestUpgrade(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Upgrade") != "websocket" {
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString("echo " + line)
		_ = rw.Flush()
	}))
	t.Cleanup(up.Close)
	r := start(t, &posthogtest.Server{URL: up.URL})
	conn := dial(t, r)
	_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v, want 101", resp, err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.WriteString(conn, "hello\n")
	if line, err := in.ReadString('\n'); err != nil || line != "echo hello\n" {
		t.Errorf("read %q, %v", line, err)
	}
}

// A relay that was told to be its own PostHog does not ask itself for ever.
func TestLoop(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	self := "http://" + l.Addr().String()
	cfg := config(&posthogtest.Server{URL: self})
	r, err := relay.New(t.Context(), cfg, relay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, l, nil) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	at := &running{url: self}
	for path, want := range map[string]int{"/batch/": http.StatusLoopDetected, "/flags?v=2": http.StatusLoopDetected} {
		if a := at.send(t, "POST", path, flagsBody("")); a.status != want {
			t.Errorf("%s: %d %s, want %d", path, a.status, a.body, want)
		}
	}
}

// A PostHog that is away, or a body over the limit, has PostHog's words.
func TestForwardingFails(t *testing.T) {
	up := newEcho(t)
	r := start(t, up.config(), func(c *relay.Config, _ *relay.Options) { c.Limits.BodyBytes = 1000 })
	if a := r.send(t, "POST", "/batch/", strings.Repeat("x", 1001), "Origin", "https://example.com"); a.status != http.StatusRequestEntityTooLarge || up.last() != nil ||
		a.header.Get("Access-Control-Allow-Origin") != "https://example.com" {
		t.Errorf("large body: %d %s %v", a.status, a.body, a.header)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", r.url+"/batch/", struct{ io.Reader }{bytes.NewReader(make([]byte, 100_000))})
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := web.Do(req); err == nil { // else it was cut off while it sent
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("large body without a length: %d", resp.StatusCode)
		}
	}
	up.CloseClientConnections()
	up.Close()
	a := r.send(t, "POST", "/batch/", "{}", "Origin", "https://example.com")
	want := answer{status: 503, body: unavailable}
	if diff := cmp.Diff([]any{a.status, a.body}, []any{want.status, want.body}); diff != "" {
		t.Errorf("PostHog away (-got +want):\n%s", diff)
	}
	for name, want := range map[string]string{"Content-Type": "text/plain; charset=utf-8", "Access-Control-Allow-Origin": "https://example.com"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
}

const unavailable = "A service dependency is temporarily unavailable. This is likely a temporary issue. Please try again later."

// A request for flags that was read before it is passed on can be sent again, if
// the connection turns out to be closed.
func TestFlagsCanBeSentAgain(t *testing.T) {
	up := newEcho(t)
	sent := &keepsBody{}
	r := start(t, up.config(), func(_ *relay.Config, o *relay.Options) { o.Transport = sent })
	for _, body := range []string{flagsBody(`"disable_flags":true`), `{"token":`} { // passed on after and before it is understood
		if a := r.send(t, "POST", "/flags/?v=2", body); a.header.Get("X-Hogflags-Answered") != "upstream" || sent.again != body {
			t.Errorf("%s: %d, could be sent again: %q", body, a.status, sent.again)
		}
	}
}

// keepsBody is a transport that remembers what it could have sent again.
type keepsBody struct{ again string }

func (k *keepsBody) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return nil, err
		}
		k.again = string(text)
	}
	return web.Transport.RoundTrip(req)
}
