package posthogapi_test

import (
	"strings"
	"testing"

	"github.com/hogflags/hogflags/posthogapi"
)

func TestNormalizeHost(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "https://us.i.posthog.com"},
		{"  ", "https://us.i.posthog.com"},
		{"https://us.i.posthog.com", "https://us.i.posthog.com"},
		{"https://us.i.posthog.com/", "https://us.i.posthog.com"},
		{"https://us.i.posthog.com///", "https://us.i.posthog.com"},
		{" https://EU.I.PostHog.com\n", "https://eu.i.posthog.com"},
		{"HTTPS://eu.i.posthog.com:443", "https://eu.i.posthog.com"},
		{"eu.i.posthog.com", "https://eu.i.posthog.com"},
		{"eu.i.posthog.com:8443", "https://eu.i.posthog.com:8443"},
		{"https://eu.i.posthog.com:08443", "https://eu.i.posthog.com:8443"},
		{"http://posthog.internal:80", "http://posthog.internal"},
		{"http://posthog.internal:443", "http://posthog.internal:443"},
		{"https://example.com/ingest/", "https://example.com/ingest"},
		{"https://example.com/a%2Fb/", "https://example.com/a%2Fb"},
		{"example.com/ingest", "https://example.com/ingest"},
		{"localhost:8000", "http://localhost:8000"},
		{"127.0.0.1:8000", "http://127.0.0.1:8000"},
		{"[::1]:8000", "http://[::1]:8000"},
		{"https://[2001:DB8::1]", "https://[2001:db8::1]"},
		{"https://localhost", "https://localhost"},
		{"https://app.posthog.com", "https://us.i.posthog.com"},
		{"us.posthog.com", "https://us.i.posthog.com"},
		{"https://eu.posthog.com/", "https://eu.i.posthog.com"},
		{"https://eu.posthog.com/ingest", "https://eu.posthog.com/ingest"},
	}
	for _, tt := range tests {
		got, err := posthogapi.NormalizeHost(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("NormalizeHost(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestNormalizeHostErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{"ftp://example.com", "neither http nor https"},
		{"http:/example.com", "colon without a port"},
		{"https://", "no valid name"},
		{"https://.example.com", "no valid name"},
		{"https://exa mple.com", "not a URL"},
		{"https://example.com:0", "port outside"},
		{"https://example.com:99999", "port outside"},
		{"https://example.com:", "colon without a port"},
		{"https://example.com:http", "not a URL"},
		{"https://example.com?x=1", "query or a fragment"},
		{"https://example.com?", "query or a fragment"},
		{"https://example.com#top", "query or a fragment"},
		{"https://[fe80::1%25eth0]", "no valid name"},
		{"https://user:hunter2@example.com", "user name"},
		{"https://user:hunter2@exa mple.com", "not a URL"},
		{"https://example.com?personal_api_key=hunter2", "query or a fragment"},
		{"https://exa mple.com/#hunter2", "not a URL"},
		{"phs_hunter2", "PostHog key"},
		{"phc_hunter2", "PostHog key"},
	}
	for _, tt := range tests {
		got, err := posthogapi.NormalizeHost(tt.in)
		if err == nil {
			t.Errorf("NormalizeHost(%q) = %q, want an error", tt.in, got)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("NormalizeHost(%q): %v, want %q in it", tt.in, err, tt.want)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("NormalizeHost(%q): the error repeats a secret: %v", tt.in, err)
		}
	}
}

func FuzzNormalizeHost(f *testing.F) {
	for _, s := range []string{
		"", "us.i.posthog.com", "https://u:p@h:1/p?q#f", "[::1]:80", "http://h/%2f//", "localhost", "https://EXÄMPLE.com:0443/", "://",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		once, err := posthogapi.NormalizeHost(host)
		if err != nil {
			return
		}
		twice, err := posthogapi.NormalizeHost(once)
		if err != nil || twice != once {
			t.Errorf("NormalizeHost(%q) = %q, but of that it is %q, %v", host, once, twice, err)
		}
		if strings.HasSuffix(once, "/") || strings.Contains(once, "@") && !strings.Contains(host, "/") {
			t.Errorf("NormalizeHost(%q) = %q", host, once)
		}
	})
}
