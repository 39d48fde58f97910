package posthogapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/hogflags/hogflags/posthogapi"
)

const secret = "phs_hunter2hunter2"

func leaks(s string) bool { return strings.Contains(s, "hunter2") }

func TestConfigHidesKey(t *testing.T) {
	configs := map[string]posthogapi.Config{
		"usual":           {ProjectToken: "phc_x", SecretKey: secret},
		"key as token":    {ProjectToken: secret},
		"key as host":     {Host: secret},
		"key in the host": {Host: "https://me:hunter2@example.com"},
	}
	for name, cfg := range configs {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%T %v"} {
				for _, arg := range []any{cfg, &cfg, struct{ C posthogapi.Config }{cfg}, []posthogapi.Config{cfg}} {
					if got := fmt.Sprintf(format, arg, arg); leaks(got) || strings.Contains(got, fmt.Sprintf("%x", secret)) {
						t.Errorf("%s of %T: %s", format, arg, got)
					}
				}
			}
			text, err := json.Marshal(map[string]any{"config": cfg})
			if err != nil || leaks(string(text)) {
				t.Errorf("JSON: %s, %v", text, err)
			}
			var buf bytes.Buffer
			slog.New(slog.NewJSONHandler(&buf, nil)).Info("start", "config", cfg)
			slog.New(slog.NewTextHandler(&buf, nil)).Info("start", "config", cfg)
			if leaks(buf.String()) {
				t.Errorf("log: %s", &buf)
			}
			if _, err := posthogapi.New(cfg); err != nil && leaks(err.Error()) {
				t.Errorf("New: %v", err)
			}
		})
	}
}

func TestClientHidesKey(t *testing.T) {
	c := newClient(t, posthogapi.Config{SecretKey: secret})
	for _, format := range []string{"%v", "%+v", "%#v"} {
		if got := fmt.Sprintf(format, c); leaks(got) {
			t.Errorf("%s: %s", format, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name string
		cfg  posthogapi.Config
		want string
	}{
		{"no token", posthogapi.Config{SecretKey: secret}, "ProjectToken is empty"},
		{"swapped", posthogapi.Config{ProjectToken: secret, SecretKey: "phc_x"}, "ProjectToken holds a secret key"},
		{"token of two words", posthogapi.Config{ProjectToken: "phc_x y", SecretKey: secret}, "blank"},
		{"blank key", posthogapi.Config{ProjectToken: "phc_x", SecretKey: " \n"}, "secret key is empty"},
		{"token as key", posthogapi.Config{ProjectToken: "phc_x", SecretKey: "phc_x"}, "project token"},
		{"two lines", posthogapi.Config{ProjectToken: "phc_x", SecretKey: secret + "\n" + secret}, "header cannot carry"},
		{"bad host", posthogapi.Config{ProjectToken: "phc_x", SecretKey: secret, Host: "ftp://h"}, "neither http nor https"},
		{"negative timeout", posthogapi.Config{ProjectToken: "phc_x", SecretKey: secret, Timeout: -1}, "Timeout is negative"},
		{"negative limit", posthogapi.Config{ProjectToken: "phc_x", SecretKey: secret, MaxBodyBytes: -1}, "MaxBodyBytes is negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := posthogapi.New(tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) || leaks(err.Error()) {
				t.Errorf("got %v, want %q in it and no key", err, tt.want)
			}
		})
	}
}

// roundTripper is a transport in the form of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestErrorsHideKey(t *testing.T) {
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"type":"t","code":"c","detail":"you sent %s"}`, r.Header.Get("Authorization"))
		}
	}
	plain := func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "you sent %s", r.Header.Get("Authorization"))
	}
	for name, handler := range map[string]http.HandlerFunc{"401": echo(401), "503": echo(503), "200 with text": plain} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, handler)
			_, err := newClient(t, posthogapi.Config{Host: srv.URL, SecretKey: secret}).Definitions(t.Context(), "")
			if err == nil || leaks(err.Error()) || !strings.Contains(err.Error(), "you sent Bearer [redacted]") {
				t.Errorf("got %v, want the echo without the key", err)
			}
			if se, ok := errors.AsType[*posthogapi.StatusError](err); !ok || leaks(se.Detail) {
				t.Errorf("got %#v, want a *StatusError without the key", err)
			}
		})
	}
	t.Run("transport", func(t *testing.T) {
		talkative := roundTripper(func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("send %v: %w", r.Header, errors.ErrUnsupported)
		})
		c := newClient(t, posthogapi.Config{SecretKey: secret, HTTPClient: &http.Client{Transport: talkative}})
		_, err := c.Definitions(t.Context(), "")
		if err == nil || leaks(fmt.Sprintf("%v %+v %#v", err, err, err)) {
			t.Errorf("got %v, want an error without the key", err)
		}
	})
	t.Run("nothing listens", func(t *testing.T) {
		c := newClient(t, posthogapi.Config{Host: "http://127.0.0.1:1", ProjectToken: "phc_public", SecretKey: secret})
		_, err := c.Definitions(t.Context(), "")
		if err == nil || leaks(err.Error()) || strings.Contains(err.Error(), "phc_public") {
			t.Errorf("got %v, want an error with neither key nor token", err)
		}
	})
}

func TestRedirects(t *testing.T) {
	var elsewhereGot []string
	elsewhere := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		elsewhereGot = append(elsewhereGot, r.Header.Get("Authorization"))
	})
	tests := []struct {
		name, to string
		status   int
		want     string // in the error; empty: it is followed
	}{
		{"same origin", "/moved?token=x", http.StatusMovedPermanently, ""},
		{"same origin, 307", "/moved", http.StatusTemporaryRedirect, ""},
		{"another port", elsewhere.URL + "/flags/definitions", http.StatusFound, "redirects to " + elsewhere.URL + ", which is not followed"},
		{"another port, 308", elsewhere.URL, http.StatusPermanentRedirect, "redirects to " + elsewhere.URL},
		{"another host", "https://login.example.com/?next=phs_hunter2", http.StatusSeeOther, "redirects to https://login.example.com,"},
		{"in circles", "/flags/definitions", http.StatusFound, "more than 5 times"},
		{"nowhere", "http://[bad", http.StatusFound, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/moved" {
					_, _ = fmt.Fprintf(w, `{"flags":[],"key":%q}`, r.Header.Get("Authorization"))
					return
				}
				w.Header().Set("Location", tt.to)
				w.WriteHeader(tt.status)
			})
			d, err := newClient(t, posthogapi.Config{Host: srv.URL, SecretKey: secret}).Definitions(t.Context(), "")
			switch {
			case tt.name == "nowhere":
				if err == nil || leaks(err.Error()) {
					t.Errorf("got %v, want an error without the key", err)
				}
			case tt.want == "":
				if err != nil || !strings.Contains(string(d.Body), "Bearer "+secret) {
					t.Errorf("got %s, %v; want the answer behind the redirect", d.Body, err)
				}
			default:
				if posthogapi.KindOf(err) != posthogapi.NotPostHog || !strings.Contains(err.Error(), tt.want) || leaks(err.Error()) {
					t.Errorf("got %v, want kind NotPostHog and %q", err, tt.want)
				}
			}
		})
	}
	if len(elsewhereGot) > 0 {
		t.Errorf("the other origin was asked, with Authorization %q", elsewhereGot)
	}
}

func TestKeyNeverGoesToLessTrustedOrigin(t *testing.T) {
	// The first answer redirects; a second request to anything but the
	// allowed origin is the failure.
	tests := []struct {
		from, to string
		follow   bool
	}{
		{"http://example.com", "https://example.com/x", true},
		{"https://example.com", "http://example.com/x", false},
		{"https://example.com", "https://sub.example.com/x", false},
		{"https://example.com", "https://example.com:8443/x", false},
		{"https://example.com", "https://EXAMPLE.com:443/x", true},
		{"http://example.com:8080", "https://example.com/x", false},
	}
	for _, tt := range tests {
		var asked int
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			asked++
			if asked == 1 {
				return &http.Response{StatusCode: 302, Header: http.Header{"Location": {tt.to}}, Body: http.NoBody, Request: r}, nil
			}
			return &http.Response{StatusCode: 503, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		})
		c := newClient(t, posthogapi.Config{Host: tt.from, HTTPClient: &http.Client{Transport: transport}})
		_, err := c.Definitions(context.Background(), "")
		if followed := asked == 2; followed != tt.follow || err == nil {
			t.Errorf("%s to %s: followed %v (%v), want %v", tt.from, tt.to, followed, err, tt.follow)
		}
	}
}
