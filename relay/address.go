package relay

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress is where a request comes from: the peer or, as far as proxies
// are trusted, whom they name. It is the zero Addr if the peer has none.
func clientAddress(req *http.Request, trusted []netip.Prefix) netip.Addr {
	at := peer(req)
	if len(trusted) == 0 || !isTrusted(at, trusted) {
		return at
	}
	named := forwardedFor(req.Header)
	for _, text := range slices.Backward(named) {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return at // what a trusted proxy does not understand, it does not name
		}
		at = ip.Unmap()
		if !isTrusted(at, trusted) {
			return at
		}
	}
	return at
}

func peer(req *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap().WithZone("")
}

func isTrusted(ip netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// forwardedFor lists the addresses of X-Forwarded-For, the client's first.
func forwardedFor(h http.Header) []string {
	var list []string
	for _, field := range h["X-Forwarded-For"] {
		for text := range strings.SplitSeq(field, ",") {
			list = append(list, strings.TrimSpace(text))
		}
	}
	return list
}
