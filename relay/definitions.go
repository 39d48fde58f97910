package relay

import (
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	allow = "GET, OPTIONS, HEAD"

	// unavailable is PostHog's own text, by which its SDKs and this module's
	// client tell its 503 from a proxy's.
	unavailable = "A service dependency is temporarily unavailable. This is likely a temporary issue. Please try again later."
)

// definitions is PostHog's endpoint, with its checks in its order.
func (r *Relay) definitions(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	switch req.Method {
	case http.MethodGet:
	case http.MethodHead: // no document and no key asked for: PostHog's is a probe, too
		h.Set("Content-Type", "application/json")
		return
	case http.MethodOptions:
		h.Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", allow)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if refused := r.access.refuses(req); refused != nil {
		refused.write(w)
		return
	}
	d := r.served.Load()
	if d == nil {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, unavailable) // an error: the client has gone
		return
	}
	h.Set("Vary", "Accept-Encoding")
	if d.etag != "" {
		h.Set("ETag", d.etag)
		h.Set("Cache-Control", "private, must-revalidate")
		if sent := req.Header.Get("If-None-Match"); sent != "" && opaque(sent) == opaque(d.etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	body := d.body
	if acceptsGzip(req.Header) {
		body = d.gzipped()
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// opaque takes a validator out of the three spellings that PostHog accepts:
// W/"h", "h" and h. It understands no list and no star, as PostHog does not.
func opaque(validator string) string {
	v := strings.TrimPrefix(strings.TrimSpace(validator), "W/")
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		v = v[1 : len(v)-1]
	}
	return v
}

// acceptsGzip reports whether the client names gzip and does not rule it out.
func acceptsGzip(h http.Header) bool {
	for _, field := range h.Values("Accept-Encoding") {
		for offer := range strings.SplitSeq(field, ",") {
			name, parameters, _ := strings.Cut(offer, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q, weighed := strings.CutPrefix(strings.TrimSpace(parameters), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			return !weighed || err == nil && weight > 0
		}
	}
	return false
}
