package relay

import (
	"net/http"
	"net/netip"
	"strings"
)

// serve answers a request.
func (r *Relay) serve(w http.ResponseWriter, req *http.Request) {
	s := r.current.Load()
	path := req.URL.Path
	switch {
	case req.Method == http.MethodConnect || req.Method == http.MethodTrace:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case !plain(path):
		writeText(w, http.StatusBadRequest, "The path of the request is not a plain one.")
		return
	case s.open && !namesLoopback(hostname(req)) && s.byName[hostname(req)] == nil:
		// A page in a browser on this host could reach a key-less relay under a
		// name of its own, made to resolve to 127.0.0.1.
		writeText(w, http.StatusMisdirectedRequest, "This relay has no relay key, and answers to the names of this host alone.")
		return
	}
	if s.cfg.Admin == "" && r.serveAdminPath(w, req) {
		return
	}
	if r.limits.byAddress() && !r.limits.allowAddress(clientAddress(req, s.trusted)) {
		cors(w, req)
		if isOFREP(path) || path == changesPath {
			w.Header().Set("Retry-After", "1")
		}
		rateLimited(w)
		return
	}
	if isOFREP(path) {
		r.ofrep(w, req, s)
		return
	}
	switch endpoint(path) {
	case refreshPath:
		r.refresh(w, req, s)
	case changesPath:
		r.changes(w, req, s)
	case "/flags/definitions", "/api/feature_flag/local_evaluation":
		r.definitions(w, req, s)
	case "/flags", "/decide":
		r.flags(w, req, s)
	default:
		r.forward(w, req, s)
	}
}

// endpoint is a path without the slash that PostHog's paths may end in.
func endpoint(path string) string { return strings.TrimSuffix(path, "/") }

// plain reports whether a decoded path means the same to every server: no
// segment of it leads elsewhere, and it has no character that some of them read
// as another.
func plain(path string) bool {
	if path == "" || path[0] != '/' {
		return path == "*" // OPTIONS *
	}
	for i := range len(path) {
		switch c := path[i]; {
		case c < ' ' || c == 0x7f || c == '\\':
			return false
		case c == '/' && i+1 < len(path) && path[i+1] == '.':
			segment, _, _ := strings.Cut(path[i+1:], "/")
			if segment == "." || segment == ".." || strings.HasPrefix(segment, "..;") {
				return false
			}
		}
	}
	return true
}

// namesLoopback reports whether a name is one of this host's own.
func namesLoopback(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}
