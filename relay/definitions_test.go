package relay_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

var paths = []string{
	"/flags/definitions", "/flags/definitions/",
	"/api/feature_flag/local_evaluation", "/api/feature_flag/local_evaluation/",
}

// What the relay says is what PostHog says, but for what belongs to a connection.
func TestSameAnswersAsPostHog(t *testing.T) {
	up := posthogtest.New(t)
	if err := up.AddFlag([]byte(`{"id":1,"key":"banner","active":true}`)); err != nil {
		t.Fatal(err)
	}
	r := start(t, up, project(func(p *relay.Project) { p.RelayKeys = []string{relay.HashKey(posthogtest.SecretKey)} }))
	r.ready(t)
	postHog := &running{url: up.URL}

	bearer := []string{"Authorization", "Bearer " + posthogtest.SecretKey}
	const token = "?token=" + posthogtest.ProjectToken + "&send_cohorts"
	etag := r.ask(t, http.MethodGet, "/flags/definitions"+token, bearer...).header.Get("ETag")
	bare := strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	if bare == "" || bare == etag {
		t.Fatalf("ETag %q, want a weak validator", etag)
	}
	for _, path := range paths {
		for _, test := range []struct {
			name, method, path string
			header             []string
			want               int
		}{
			{"document", "GET", path + token, bearer, 200},
			{"weak validator", "GET", path + token, append(bearer, "If-None-Match", etag), 304},
			{"strong validator", "GET", path + token, append(bearer, "If-None-Match", `"`+bare+`"`), 304},
			{"bare validator", "GET", path + token, append(bearer, "If-None-Match", " "+bare+" "), 304},
			{"old validator", "GET", path + token, append(bearer, "If-None-Match", `W/"0123456789abcdef"`), 200},
			{"list of validators", "GET", path + token, append(bearer, "If-None-Match", `"x", `+etag), 200},
			{"star", "GET", path + token, append(bearer, "If-None-Match", "*"), 200},
			{"empty validator", "GET", path + token, append(bearer, "If-None-Match", `""`), 200},
			{"gzip", "GET", path + token, append(bearer, "Accept-Encoding", "gzip, deflate"), 200},
			{"probe", "HEAD", path, nil, 200},
			{"options", "OPTIONS", path, nil, 204},
			{"post", "POST", path + token, bearer, 405},
			{"delete", "DELETE", path + token, bearer, 405},
			{"another project", "GET", path + "?token=phc_other", bearer, 401},
			{"no key", "GET", path + token, nil, 401},
			{"empty key", "GET", path + token, []string{"Authorization", "Bearer  "}, 401},
			{"another scheme", "GET", path + token, []string{"Authorization", "bearer " + posthogtest.SecretKey}, 401},
			{"wrong secret key", "GET", path + token, []string{"Authorization", "Bearer phs_wrong"}, 401},
			{"wrong personal key", "GET", path + token, []string{"Authorization", "Bearer phx_wrong"}, 401},
		} {
			t.Run(strings.Trim(path, "/")+"/"+test.name, func(t *testing.T) {
				got := r.ask(t, test.method, test.path, test.header...)
				want := postHog.ask(t, test.method, test.path, test.header...)
				if got.status != test.want {
					t.Errorf("status %d, want %d", got.status, test.want)
				}
				for _, name := range []string{"Content-Type", "Content-Encoding", "Etag", "Allow"} {
					if got, want := got.header.Get(name), want.header.Get(name); got != want {
						t.Errorf("%s %q, want %q", name, got, want)
					}
				}
				if got.status != want.status || inflate(t, got) != inflate(t, want) {
					t.Errorf("answer %d %s, PostHog's is %d %s", got.status, inflate(t, got), want.status, inflate(t, want))
				}
			})
		}
	}
}

func TestNoTokenIsThisProject(t *testing.T) {
	r := start(t, posthogtest.New(t))
	r.ready(t)
	if a := r.ask(t, http.MethodGet, "/flags/definitions", "Authorization", "Bearer "+key); a.status != http.StatusOK {
		t.Errorf("status %d, want 200: %s", a.status, a.body)
	}
}

func TestOpenWithoutKey(t *testing.T) {
	r := start(t, posthogtest.New(t), keyless)
	r.ready(t)
	if a := r.ask(t, http.MethodGet, "/flags/definitions"); a.status != http.StatusOK {
		t.Errorf("status %d, want 200: %s", a.status, a.body)
	}
	if a := r.ask(t, http.MethodGet, "/flags/definitions?token=phc_other"); a.status != http.StatusUnauthorized {
		t.Errorf("status %d for another project's token, want 401", a.status)
	}
}

// What is compressed is sent to who asks for it, and not to who rules it out.
func TestCompressedOnRequest(t *testing.T) {
	r := start(t, posthogtest.New(t), keyless)
	r.ready(t)
	plain := r.ask(t, http.MethodGet, "/flags/definitions")
	for _, test := range []struct{ accept, want string }{
		{"gzip", "gzip"}, {"GZIP;q=0.5", "gzip"}, {"br, gzip;q=1.0, *;q=0.1", "gzip"},
		{"zstd", "zstd"}, {"gzip, zstd", "zstd"}, {"zstd;q=0.5, gzip", "gzip"}, {"zstd;q=0, gzip;q=0.1", "gzip"},
		{"", ""}, {"identity", ""}, {"gzip;q=0", ""}, {"gzip; q=0.0", ""}, {"gzip;q=x", ""}, {"br", ""},
	} {
		a := r.ask(t, http.MethodGet, "/flags/definitions", "Accept-Encoding", test.accept)
		if got := a.header.Get("Content-Encoding"); got != test.want {
			t.Errorf("Accept-Encoding %q: answered in %q, want %q", test.accept, got, test.want)
		}
		if got := inflate(t, a); got != plain.body {
			t.Errorf("Accept-Encoding %q: %q, want %q", test.accept, got, plain.body)
		}
		if got := a.header.Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary %q, want Accept-Encoding", test.accept, got)
		}
	}
}

// The module's own client cannot tell a relay from PostHog: it follows an edit,
// and understands a refusal and a relay that has nothing yet.
func TestClientOfRelay(t *testing.T) {
	up := posthogtest.New(t)
	up.Fail(posthogtest.Failure{Status: http.StatusServiceUnavailable})
	r := start(t, up)
	client := func(key string) *posthogapi.Client {
		c, err := posthogapi.New(posthogapi.Config{Host: r.url, ProjectToken: posthogtest.ProjectToken, SecretKey: key, HTTPClient: web})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	_, err := client(key).Definitions(t.Context(), "")
	if got := posthogapi.KindOf(err); got != posthogapi.Unavailable || strings.Contains(err.Error(), "not in PostHog's words") {
		t.Errorf("without definitions: %v, want PostHog's 503", err)
	}
	up.Recover()
	r.ready(t)

	first, err := client(key).Definitions(t.Context(), "")
	if err != nil || !bytes.Equal(first.Body, up.Definitions()) {
		t.Fatalf("definitions %s, %v, want upstream's bytes", first.Body, err)
	}
	same, err := client(key).Definitions(t.Context(), first.ETag)
	if err != nil || !same.NotModified {
		t.Errorf("conditional request: %+v, %v, want not modified", same, err)
	}
	if _, err = client("phs_wrong").Definitions(t.Context(), ""); posthogapi.KindOf(err) != posthogapi.Unauthorized {
		t.Errorf("with a wrong key: %v, want a 401", err)
	}

	if err := up.AddFlag([]byte(`{"id":2,"key":"added","active":true}`)); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the edit arrives", "/flags/definitions", func(a answer) bool { return strings.Contains(a.body, "added") })
	second, err := client(key).Definitions(t.Context(), first.ETag)
	if err != nil || second.NotModified {
		t.Fatalf("after an edit: not modified %t, %v, want a document", second.NotModified, err)
	}
	if diff := cmp.Diff(string(second.Body), string(up.Definitions())); diff != "" {
		t.Errorf("after an edit (-got +want):\n%s", diff)
	}
}

func inflate(t *testing.T, a answer) string {
	t.Helper()
	switch a.header.Get("Content-Encoding") {
	case "zstd":
		z, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		body, err := z.DecodeAll([]byte(a.body), nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	case "":
		return a.body
	}
	z, err := gzip.NewReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
