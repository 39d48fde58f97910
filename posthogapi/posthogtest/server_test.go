package posthogtest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is what a test looks at in a response.
type answer struct {
	Status      int
	ContentType string
	Allow       string
	Body        string
}

// ask sends one request with the headers given as pairs.
func ask(t *testing.T, srv *posthogtest.Server, method, target, body string, headers ...string) (answer, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Allow"), string(text)}, resp.Header
}

const (
	definitions = "/flags/definitions?token=" + posthogtest.ProjectToken + "&send_cohorts"
	bearer      = "Bearer " + posthogtest.SecretKey
)

func jsonError(kind, code, detail string) string {
	return fmt.Sprintf(`{"type":%q,"code":%q,"detail":%q,"attr":null}`, kind, code, detail)
}

func TestDefinitionsEndpoint(t *testing.T) {
	srv := posthogtest.New(t)
	const (
		js      = "application/json"
		invalid = "authentication_failed"
	)
	unauthorized := func(code, detail string) answer {
		return answer{401, js, "", jsonError("authentication_error", code, detail)}
	}
	tests := []struct {
		name, method, target, auth string
		want                       answer
	}{
		{"usual", "GET", definitions, bearer, answer{200, js, "", posthogtest.EmptyDefinitions}},
		{"slash", "GET", "/flags/definitions/?token=phc_posthogtest", bearer, answer{200, js, "", posthogtest.EmptyDefinitions}},
		{"legacy", "GET", "/api/feature_flag/local_evaluation?token=phc_posthogtest", bearer, answer{200, js, "", posthogtest.EmptyDefinitions}},
		{"legacy, slash", "GET", "/api/feature_flag/local_evaluation/?token=phc_posthogtest", bearer, answer{200, js, "", posthogtest.EmptyDefinitions}},
		{"personal key", "GET", definitions, "Bearer  " + posthogtest.PersonalKey + " ", answer{200, js, "", posthogtest.EmptyDefinitions}},
		{"no token", "GET", "/flags/definitions", bearer, unauthorized("not_authenticated", "No API token provided. Please include a valid API token in your request.")},
		{"unknown token", "GET", "/flags/definitions?token=phc_other", bearer, unauthorized(invalid, "The provided API key is invalid or has expired. Please check your API key and try again.")},
		{"no key", "GET", definitions, "", unauthorized("not_authenticated", "Authentication credentials were not provided.")},
		{"empty key", "GET", definitions, "Bearer  ", unauthorized("not_authenticated", "Authentication credentials were not provided.")},
		{"another scheme", "GET", definitions, "bearer " + posthogtest.SecretKey, unauthorized("not_authenticated", "Authentication credentials were not provided.")},
		{"wrong secret key", "GET", definitions, "Bearer phs_other", unauthorized(invalid, "Secret API token is invalid.")},
		{"wrong personal key", "GET", definitions, "Bearer phx_other", unauthorized(invalid, "Personal API key is invalid.")},
		{"head", "HEAD", "/flags/definitions", "", answer{200, js, "", ""}},
		{"options", "OPTIONS", "/flags/definitions", "", answer{204, "", "GET, OPTIONS, HEAD", ""}},
		{"post", "POST", definitions, bearer, answer{405, "", "GET, OPTIONS, HEAD", ""}},
		{"elsewhere", "GET", "/batch/", bearer, answer{404, "text/plain; charset=utf-8", "", "Not Found"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := ask(t, srv, tt.method, tt.target, "", "Authorization", tt.auth)
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

func TestConditionalRequests(t *testing.T) {
	srv := posthogtest.New(t)
	_, header := ask(t, srv, "GET", definitions, "", "Authorization", bearer)
	etag := header.Get("ETag")
	hash := strings.TrimSuffix(strings.TrimPrefix(etag, `W/"`), `"`)
	if len(hash) != 16 || `W/"`+hash+`"` != etag {
		t.Fatalf("ETag %q, want W/ and 16 digits in quotes", etag)
	}
	if got, want := header.Get("Cache-Control"), "private, must-revalidate"; got != want {
		t.Errorf("Cache-Control: got %q, want %q", got, want)
	}
	tests := []struct {
		ifNoneMatch string
		want        int
	}{
		{etag, 304}, {`"` + hash + `"`, 304}, {hash, 304}, {"  " + etag + " ", 304},
		{"*", 200}, {`"x", ` + etag, 200}, {`W/` + hash, 200}, {`W/"other"`, 200},
	}
	for _, tt := range tests {
		got, header := ask(t, srv, "GET", definitions, "", "Authorization", bearer, "If-None-Match", tt.ifNoneMatch)
		if got.Status != tt.want {
			t.Errorf("If-None-Match %s: got %d, want %d", tt.ifNoneMatch, got.Status, tt.want)
		}
		if header.Get("ETag") != etag || got.Status == 304 && got.Body != "" {
			t.Errorf("If-None-Match %s: ETag %q, body %q", tt.ifNoneMatch, header.Get("ETag"), got.Body)
		}
	}
	// The key is checked before the validator.
	if got, _ := ask(t, srv, "GET", definitions, "", "Authorization", "Bearer phs_other", "If-None-Match", etag); got.Status != 401 {
		t.Errorf("wrong key with the right validator: got %d, want 401", got.Status)
	}
}

func TestGzip(t *testing.T) {
	srv := posthogtest.New(t)
	got, header := ask(t, srv, "GET", definitions, "", "Authorization", bearer, "Accept-Encoding", "br, gzip;q=0.5")
	if header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("Content-Encoding %q, want gzip", header.Get("Content-Encoding"))
	}
	z, err := gzip.NewReader(strings.NewReader(got.Body))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || string(body) != posthogtest.EmptyDefinitions {
		t.Errorf("got %q, %v; want the document", body, err)
	}
}

func TestLog(t *testing.T) {
	srv := posthogtest.New(t)
	_, header := ask(t, srv, "GET", definitions, "", "Authorization", bearer)
	ask(t, srv, "GET", definitions, "", "Authorization", bearer, "If-None-Match", header.Get("ETag"))
	srv.Fail(posthogtest.Failure{Status: 503, Times: 1})
	ask(t, srv, "GET", definitions, "", "Authorization", bearer)
	ask(t, srv, "GET", definitions, "", "Authorization", "Bearer phs_other")

	var kinds []posthogtest.Kind
	for _, r := range srv.Requests() {
		kinds = append(kinds, r.Kind)
		if r.Method != "GET" || r.Path != "/flags/definitions" || !r.Query.Has("send_cohorts") || r.Time.IsZero() {
			t.Errorf("logged %+v", r)
		}
		if strings.Contains(fmt.Sprint(r), "phs_") {
			t.Errorf("the log holds a key: %+v", r)
		}
	}
	want := []posthogtest.Kind{posthogtest.Full, posthogtest.NotModified, posthogtest.Failed, posthogtest.Failed}
	if diff := cmp.Diff(kinds, want); diff != "" {
		t.Errorf("kinds (-got +want):\n%s", diff)
	}
	if got := srv.Count(posthogtest.Failed); got != 2 {
		t.Errorf("Count(Failed) = %d, want 2", got)
	}
}

func TestFailures(t *testing.T) {
	srv := posthogtest.New(t)
	srv.SetDefinitions(bytes.Repeat([]byte("x"), 10_000))

	srv.Fail(posthogtest.Failure{Status: 429, RetryAfter: "7", Header: http.Header{"via": {"proxy"}}})
	got, header := ask(t, srv, "GET", definitions, "", "Authorization", bearer)
	want := answer{429, "application/json", "", jsonError("validation_error", "rate_limit_exceeded", "Rate limit exceeded")}
	if diff := cmp.Diff(got, want); diff != "" || header.Get("Retry-After") != "7" || header.Get("Via") != "proxy" {
		t.Errorf("headers %v (-got +want):\n%s", header, diff)
	}

	srv.Fail(posthogtest.Failure{Path: "/flags"})
	if got, _ := ask(t, srv, "GET", definitions, "", "Authorization", bearer); got.Status != 200 {
		t.Errorf("a failure of another path: got %d, want 200", got.Status)
	}

	for name, f := range map[string]posthogtest.Failure{"cut": {Cut: true}, "truncate": {Truncate: true}} {
		srv.Fail(f)
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+definitions, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", bearer)
		resp, err := srv.Client().Do(req)
		n := 0
		if err == nil {
			var body []byte
			body, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			n = len(body)
		}
		if err == nil {
			t.Errorf("%s: no error, %d bytes", name, n)
		}
	}
	srv.Recover()
	if got, _ := ask(t, srv, "GET", definitions, "", "Authorization", bearer); got.Status != 200 {
		t.Errorf("after Recover: got %d, want 200", got.Status)
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := posthogtest.NewInMemory(t)
		srv.Fail(posthogtest.Failure{Delay: time.Minute})
		began := time.Now()
		got, _ := ask(t, srv, "GET", definitions, "", "Authorization", bearer)
		if took := time.Since(began); got.Status != 200 || took != time.Minute {
			t.Errorf("got %d after %v, want 200 after 1m", got.Status, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+definitions, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := srv.Client().Do(req); err == nil {
			_ = resp.Body.Close()
			t.Error("a client that waits 1s got an answer that takes 1m")
		}
	})
}

func TestStartAndClose(t *testing.T) {
	srv, err := posthogtest.Start(posthogtest.Config{ProjectToken: "phc_a", SecretKey: "phs_a", Definitions: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := ask(t, srv, "GET", "/flags/definitions?token=phc_a", "", "Authorization", "Bearer phs_a")
	if got.Status != 200 || got.Body != "{}" {
		t.Errorf("got %+v, want the configured document", got)
	}
	addr := strings.TrimPrefix(srv.URL, "http://")
	if _, err := posthogtest.Start(posthogtest.Config{Addr: addr}); err == nil {
		t.Error("a second server on the same address: no error")
	}
	srv.Close()
	srv.Close()
	if resp, err := srv.Client().Get(srv.URL); err == nil {
		_ = resp.Body.Close()
		t.Error("a closed server answers")
	}
}

func TestConcurrentUse(t *testing.T) {
	srv := posthogtest.New(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				switch i % 4 {
				case 0:
					srv.Fail(posthogtest.Failure{Status: 503, Times: 1})
				case 1:
					srv.SetDefinitions([]byte(posthogtest.EmptyDefinitions))
				case 2:
					_ = srv.Requests()
				default:
					ask(t, srv, "GET", definitions, "", "Authorization", bearer)
				}
			}
		})
	}
	wg.Wait()
}
