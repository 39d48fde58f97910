package posthogapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func newClient(t *testing.T, cfg posthogapi.Config) *posthogapi.Client {
	t.Helper()
	if cfg.ProjectToken == "" {
		cfg.ProjectToken = posthogtest.ProjectToken
	}
	if cfg.SecretKey == "" && cfg.SecretKeyFunc == nil {
		cfg.SecretKey = posthogtest.SecretKey
	}
	if cfg.HTTPClient == nil {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		cfg.HTTPClient = &http.Client{Transport: transport}
	}
	c, err := posthogapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newServer(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return srv
}

func TestDefinitions(t *testing.T) {
	srv := posthogtest.New(t)
	body := []byte("{ \"flags\": [],\n  \"cohorts\":{},\"ä\":\"\\u0000 1.0\" }\n")
	srv.SetDefinitions(body)
	c := newClient(t, posthogapi.Config{Host: srv.URL + "/"})

	d, err := c.Definitions(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if d.NotModified || !strings.HasPrefix(d.ETag, `W/"`) {
		t.Errorf("got NotModified %v, ETag %q; want a full answer with a weak ETag", d.NotModified, d.ETag)
	}
	if diff := cmp.Diff(string(d.Body), string(body)); diff != "" {
		t.Errorf("the body is not the server's (-got +want):\n%s", diff)
	}

	again, err := c.Definitions(t.Context(), d.ETag)
	if diff := cmp.Diff(again, posthogapi.Definitions{ETag: d.ETag, NotModified: true}); err != nil || diff != "" {
		t.Errorf("conditional request: %v (-got +want):\n%s", err, diff)
	}

	srv.SetDefinitions([]byte(posthogtest.EmptyDefinitions))
	changed, err := c.Definitions(t.Context(), d.ETag)
	if err != nil || changed.NotModified || changed.ETag == d.ETag || string(changed.Body) != posthogtest.EmptyDefinitions {
		t.Errorf("after a change: %+v, %v; want the new document under a new ETag", changed, err)
	}
}

func TestDefinitionsRequest(t *testing.T) {
	var got *http.Request
	srv := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		_, _ = fmt.Fprint(w, `{"flags":[]}`)
	})
	c := newClient(t, posthogapi.Config{Host: srv.URL + "/ingest/", ProjectToken: "phc_a&b", SecretKey: " phs_k\n"})
	if _, err := c.Definitions(t.Context(), `W/"0123 as-is"`); err != nil {
		t.Fatal(err)
	}
	if want := "/ingest/flags/definitions?token=phc_a%26b&send_cohorts"; got.RequestURI != want {
		t.Errorf("asked for %q, want %q", got.RequestURI, want)
	}
	for name, want := range map[string]string{
		"Authorization":   "Bearer phs_k",
		"If-None-Match":   `W/"0123 as-is"`,
		"Accept-Encoding": "gzip",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestNotModifiedAdoptsNewETag(t *testing.T) {
	srv := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"new"`)
		w.WriteHeader(http.StatusNotModified)
	})
	c := newClient(t, posthogapi.Config{Host: srv.URL})
	d, err := c.Definitions(t.Context(), `"old"`)
	if diff := cmp.Diff(d, posthogapi.Definitions{ETag: `"new"`, NotModified: true}); err != nil || diff != "" {
		t.Errorf("%v (-got +want):\n%s", err, diff)
	}
	if _, err := c.Definitions(t.Context(), ""); posthogapi.KindOf(err) != posthogapi.NotPostHog {
		t.Errorf("304 to an unconditional request: got %v, want kind NotPostHog", err)
	}
}

func TestLegacyPath(t *testing.T) {
	var paths []string
	gone := "/flags/definitions"
	srv := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		if r.URL.Path == gone {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprint(w, `{"flags":[]}`)
	})
	const modern, legacy = "/flags/definitions", "/api/feature_flag/local_evaluation/"
	c := newClient(t, posthogapi.Config{Host: srv.URL})
	ask := func(want ...string) {
		t.Helper()
		paths = nil
		if _, err := c.Definitions(t.Context(), ""); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(paths, want); diff != "" {
			t.Errorf("paths asked (-got +want):\n%s", diff)
		}
	}
	ask(modern, legacy)
	ask(legacy)
	gone = legacy // the server was upgraded
	ask(legacy, modern)
	ask(modern)
}

func TestBothPathsMissing(t *testing.T) {
	srv := newServer(t, http.NotFound)
	c := newClient(t, posthogapi.Config{Host: srv.URL})
	_, err := c.Definitions(t.Context(), "")
	se, ok := errors.AsType[*posthogapi.StatusError](err)
	if !ok || se.Kind != posthogapi.NotPostHog || se.StatusCode != http.StatusNotFound {
		t.Errorf("got %v, want a 404 of kind NotPostHog", err)
	}
}

func TestLegacyPathIsRememberedOnlyWhenItAnswers(t *testing.T) {
	var asked []string
	srv := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		if r.URL.Path == "/flags/definitions" {
			http.NotFound(w, r)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	c := newClient(t, posthogapi.Config{Host: srv.URL})
	for range 2 {
		if _, err := c.Definitions(t.Context(), ""); posthogapi.KindOf(err) != posthogapi.Unavailable {
			t.Errorf("got %v, want kind Unavailable", err)
		}
	}
	if len(asked) != 4 || asked[2] != "/flags/definitions" {
		t.Errorf("asked %q, want the usual path first each time", asked)
	}
}

func TestGzip(t *testing.T) {
	body := bytes.Repeat([]byte(`{"flags":[]} `), 1000)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(body)
	_ = z.Close()

	tests := []struct {
		name, encoding string
		send           []byte
		wantErr        error // nil: any error if wantBody is false
		wantBody       bool
	}{
		{name: "whole", encoding: "gzip", send: zipped.Bytes(), wantBody: true},
		{name: "old name", encoding: "X-Gzip", send: zipped.Bytes(), wantBody: true},
		{name: "identity", encoding: "identity", send: body, wantBody: true},
		{name: "cut within", encoding: "gzip", send: zipped.Bytes()[:zipped.Len()/2], wantErr: io.ErrUnexpectedEOF},
		{name: "without its checksum", encoding: "gzip", send: zipped.Bytes()[:zipped.Len()-4], wantErr: io.ErrUnexpectedEOF},
		{name: "empty", encoding: "gzip", wantErr: io.ErrUnexpectedEOF},
		{name: "not gzip", encoding: "gzip", send: body, wantErr: gzip.ErrHeader},
		{name: "wrong checksum", encoding: "gzip", send: append(bytes.Clone(zipped.Bytes()[:zipped.Len()-8]), 1, 2, 3, 4, 5, 6, 7, 8), wantErr: gzip.ErrChecksum},
		{name: "an encoding not asked for", encoding: "br", send: body},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", tt.encoding)
				_, _ = w.Write(tt.send)
			})
			d, err := newClient(t, posthogapi.Config{Host: srv.URL}).Definitions(t.Context(), "")
			if tt.wantBody {
				if err != nil || !bytes.Equal(d.Body, body) {
					t.Errorf("got %d bytes, %v; want the %d bytes that were compressed", len(d.Body), err, len(body))
				}
				return
			}
			if err == nil || tt.wantErr != nil && !errors.Is(err, tt.wantErr) {
				t.Errorf("got error %v, want %v", err, tt.wantErr)
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	const limit = 1000
	bomb := func(n int) []byte {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		_, _ = z.Write([]byte("{"))
		_, _ = z.Write(bytes.Repeat([]byte(" "), n-1))
		_ = z.Close()
		return buf.Bytes()
	}
	tests := []struct {
		name, encoding string
		send           []byte
		fits           bool
	}{
		{"just fits", "", append([]byte("{"), bytes.Repeat([]byte(" "), limit-1)...), true},
		{"one too many", "", append([]byte("{"), bytes.Repeat([]byte(" "), limit)...), false},
		{"just fits, compressed", "gzip", bomb(limit), true},
		{"one too many, compressed", "gzip", bomb(limit + 1), false},
		{"bomb", "gzip", bomb(4 << 20), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.encoding != "" {
					w.Header().Set("Content-Encoding", tt.encoding)
				}
				_, _ = w.Write(tt.send)
			})
			d, err := newClient(t, posthogapi.Config{Host: srv.URL, MaxBodyBytes: limit}).Definitions(t.Context(), "")
			if tt.fits {
				if err != nil || len(d.Body) != limit {
					t.Errorf("got %d bytes, %v; want %d", len(d.Body), err, limit)
				}
				return
			}
			if posthogapi.KindOf(err) != posthogapi.TooLarge {
				t.Errorf("got %v, want kind TooLarge", err)
			}
		})
	}
}

// A body without an end must be given up at the limit rather than at the
// timeout.
func TestEndlessBody(t *testing.T) {
	const limit, most = 1 << 20, 64 << 20 // what is sent also fills buffers on the way
	for _, encoding := range []string{"identity", "gzip"} {
		t.Run(encoding, func(t *testing.T) {
			sent := make(chan int, 1)
			srv := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", encoding)
				out := io.Writer(w)
				if encoding == "gzip" {
					out, _ = gzip.NewWriterLevel(w, gzip.NoCompression)
				}
				blanks := bytes.Repeat([]byte(" "), 1<<16)
				n := 0
				for n < 2*most {
					if _, err := out.Write(blanks); err != nil {
						break // the client has gone
					}
					n += len(blanks)
				}
				sent <- n
			})
			_, err := newClient(t, posthogapi.Config{Host: srv.URL, MaxBodyBytes: limit}).Definitions(t.Context(), "")
			if posthogapi.KindOf(err) != posthogapi.TooLarge {
				t.Errorf("got %v, want kind TooLarge", err)
			}
			if n := <-sent; n > most {
				t.Errorf("the client took %d bytes to notice a limit of %d", n, limit)
			}
		})
	}
}

func TestNoBodyLimit(t *testing.T) {
	srv := posthogtest.New(t)
	c := newClient(t, posthogapi.Config{Host: srv.URL, MaxBodyBytes: math.MaxInt64})
	if d, err := c.Definitions(t.Context(), ""); err != nil || string(d.Body) != posthogtest.EmptyDefinitions {
		t.Errorf("got %q, %v; want the document", d.Body, err)
	}
}

func TestBrokenAnswers(t *testing.T) {
	tests := []struct {
		name    string
		failure posthogtest.Failure
		want    posthogapi.Kind
	}{
		{"connection cut", posthogtest.Failure{Cut: true}, posthogapi.Unreachable},
		{"body breaks off", posthogtest.Failure{Truncate: true}, posthogapi.Unreachable},
		{"login page", posthogtest.Failure{Body: "<!doctype html><title>Sign in</title>", ContentType: "text/html"}, posthogapi.NotPostHog},
		{"JSON, but no object", posthogtest.Failure{Body: `["flags"]`}, posthogapi.NotPostHog},
		{"empty body", posthogtest.Failure{Body: " "}, posthogapi.NotPostHog},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := posthogtest.New(t)
			srv.Fail(tt.failure)
			c := newClient(t, posthogapi.Config{Host: srv.URL, HTTPClient: srv.Client()})
			d, err := c.Definitions(t.Context(), "")
			if err == nil || posthogapi.KindOf(err) != tt.want {
				t.Errorf("got %+v, %v; want kind %v", d, err, tt.want)
			}
			srv.Recover()
			if _, err := c.Definitions(t.Context(), ""); err != nil {
				t.Errorf("after recovery: %v", err)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := posthogtest.NewInMemory(t)
		srv.Fail(posthogtest.Failure{Delay: time.Hour})
		c := newClient(t, posthogapi.Config{Host: srv.URL, HTTPClient: srv.Client()})
		began := time.Now()
		_, err := c.Definitions(t.Context(), "")
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(fmt.Sprint(err), "within 10s") {
			t.Errorf("got %v, want a deadline that names the default of 10s", err)
		}
		if got := time.Since(began); got != posthogapi.DefaultTimeout {
			t.Errorf("gave up after %v, want %v", got, posthogapi.DefaultTimeout)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		_, err = c.Definitions(ctx, "")
		if got := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || got != time.Second {
			t.Errorf("with a context of 1s: %v after %v", err, got)
		}
	})
}

// A connection that accepts and never speaks must not hold a caller either.
func TestCancel(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c := newClient(t, posthogapi.Config{Host: "http://" + l.Addr().String()})
	ctx, cancel := context.WithCancel(t.Context())
	returned, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		cancel()
		<-returned // closing at once could reach the client before the cancellation
		if err == nil {
			_ = conn.Close()
		}
	}()
	if _, err := c.Definitions(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(returned)
	<-ended
}

func TestKeyRotation(t *testing.T) {
	srv := posthogtest.New(t)
	var key atomic.Value
	key.Store(posthogtest.SecretKey)
	c := newClient(t, posthogapi.Config{
		Host:          srv.URL,
		SecretKey:     "phs_not-used",
		SecretKeyFunc: func(context.Context) (string, error) { return key.Load().(string), nil },
	})
	if _, err := c.Definitions(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	srv.SetSecretKey("phs_rotated")
	if _, err := c.Definitions(t.Context(), ""); posthogapi.KindOf(err) != posthogapi.Unauthorized {
		t.Errorf("with the old key: got %v, want kind Unauthorized", err)
	}
	key.Store("phs_rotated")
	if _, err := c.Definitions(t.Context(), ""); err != nil {
		t.Errorf("with the new key: %v", err)
	}
	key.Store("")
	if _, err := c.Definitions(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "secret key is empty") {
		t.Errorf("with no key: got %v, want it to say so", err)
	}
}

func TestSecretKeyFuncError(t *testing.T) {
	vault := errors.New("vault is sealed")
	c := newClient(t, posthogapi.Config{SecretKeyFunc: func(context.Context) (string, error) { return "", vault }})
	if _, err := c.Definitions(t.Context(), ""); !errors.Is(err, vault) {
		t.Errorf("got %v, want %v in its chain", err, vault)
	}
}
