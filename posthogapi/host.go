package posthogapi

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// DefaultHost is PostHog Cloud in the US.
const DefaultHost = "https://us.i.posthog.com"

// appHosts are the addresses of PostHog's web application, which people copy
// from their browser, and the API hosts that serve the same projects.
var appHosts = map[string]string{
	"https://app.posthog.com": "https://us.i.posthog.com",
	"https://us.posthog.com":  "https://us.i.posthog.com",
	"https://eu.posthog.com":  "https://eu.i.posthog.com",
}

// NormalizeHost gives the one spelling of a host that identifies it: scheme
// and name in lower case, no default port, no trailing slash, the path of a
// proxy kept. Empty means [DefaultHost]; without a scheme, https is meant, or
// http for a loopback address; the web application's addresses mean the API
// beside them. Normalizing twice changes nothing.
func NormalizeHost(host string) (string, error) {
	host = strings.TrimSpace(host)
	if host == "" {
		return DefaultHost, nil
	}
	// An error must not repeat what may hold a password or a key.
	bad := func(reason string) error {
		if strings.ContainsAny(host, "@?#") {
			return fmt.Errorf("host %s", reason)
		}
		return fmt.Errorf("host %q %s", host, reason)
	}
	if looksSecret(host) || strings.HasPrefix(host, "phc_") {
		return "", errors.New("host is a PostHog key: want an address such as " + DefaultHost)
	}
	addr := host
	if !strings.Contains(addr, "://") {
		addr = "https://" + addr
	}
	u, err := url.Parse(addr)
	if err != nil {
		return "", bad("is not a URL: want an address such as " + DefaultHost)
	}
	name, port := strings.ToLower(u.Hostname()), u.Port()
	if addr != host && isLoopback(name) {
		u.Scheme = "http"
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return "", bad("has a scheme that is neither http nor https")
	case u.User != nil:
		return "", bad("holds a user name: keys go into SecretKey")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", bad("has a query or a fragment: want scheme, name and at most a path")
	case !validName(name):
		return "", bad("has no valid name: want an address such as " + DefaultHost)
	case port == "" && strings.HasSuffix(u.Host, ":"):
		return "", bad("has a colon without a port")
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return "", bad("has a port outside 1 to 65535")
		}
		port = strconv.FormatUint(n, 10)
	}
	if (u.Scheme == "https" && port == "443") || (u.Scheme == "http" && port == "80") {
		port = ""
	}
	switch {
	case port != "":
		name = net.JoinHostPort(name, port)
	case strings.Contains(name, ":"):
		name = "[" + name + "]"
	}
	norm := u.Scheme + "://" + name + strings.TrimRight(u.EscapedPath(), "/")
	if api, ok := appHosts[norm]; ok {
		norm = api
	}
	return norm, nil
}

// validName accepts an IP address without a zone, or a name of the characters
// that names have in practice; non-ASCII names are left to the resolver.
func validName(name string) bool {
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Zone() == ""
	}
	if name == "" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
		return false
	}
	for _, r := range name {
		ok := r == '.' || r == '-' || r == '_' || r >= 0x80 && r != '\uFFFD' ||
			'a' <= r && r <= 'z' || '0' <= r && r <= '9'
		if !ok {
			return false
		}
	}
	return true
}

func isLoopback(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

// sameOrigin reports whether a request that was meant for a may also go to b
// with its key: the same scheme, name and port, or the step from http to https
// on the default ports of one name.
func sameOrigin(a, b *url.URL) bool {
	if !strings.EqualFold(a.Hostname(), b.Hostname()) {
		return false
	}
	if a.Scheme == b.Scheme {
		return portOf(a) == portOf(b)
	}
	return a.Scheme == "http" && b.Scheme == "https" && portOf(a) == "80" && portOf(b) == "443"
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}
