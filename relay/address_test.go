package relay

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, test := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"198.51.100.1:1", nil, "198.51.100.1"},
		{"198.51.100.1:1", []string{"203.0.113.9"}, "198.51.100.1"},
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1:1", []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9"}, // the first was made up
		{"10.0.0.1:1", []string{"203.0.113.9, 10.2.0.1"}, "203.0.113.9"},
		{"10.0.0.1:1", []string{"203.0.113.9", "10.2.0.1"}, "203.0.113.9"},
		{"10.0.0.1:1", []string{"10.3.0.1, 10.2.0.1"}, "10.3.0.1"},
		{"10.0.0.1:1", []string{"nonsense"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"203.0.113.9, unknown, 10.2.0.1"}, "10.2.0.1"},
		{"[fd00::1]:1", []string{"2001:db8::1"}, "2001:db8::1"},
		{"[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"[fe80::1%eth0]:1", nil, "fe80::1"},
		{"@", []string{"203.0.113.9"}, "invalid IP"},
	} {
		req := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := clientAddress(req, proxies).String(); got != test.want {
			t.Errorf("%s, forwarded %q: %s, want %s", test.peer, test.forwarded, got, test.want)
		}
	}
}
