package relay

import (
	"net/http"
	"strconv"
	"strings"
)

const allowDefinitions = "GET, OPTIONS, HEAD"

// definitions is PostHog's endpoint, with its checks in its order.
func (r *Relay) definitions(w http.ResponseWriter, req *http.Request, s *registry) {
	h := w.Header()
	switch req.Method {
	case http.MethodGet:
	case http.MethodHead: // no document and no key asked for: PostHog's is a probe, too
		h.Set("Content-Type", "application/json")
		return
	case http.MethodOptions:
		h.Set("Allow", allowDefinitions)
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", allowDefinitions)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	c := s.call(req, req.URL.Query().Get("token"))
	about(w, c.project)
	if !r.mayRead(w, req, s, &c) {
		return
	}
	d := c.project.feed.document()
	if d == nil || c.project.feed.expired() {
		writeText(w, http.StatusServiceUnavailable, textUnavailable)
		return
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set(changesHeader, changesPath)
	if etag := c.project.feed.etag(d); etag != "" {
		h["Etag"] = []string{etag}
		h["Cache-Control"] = []string{"private, must-revalidate"}
		if sent := req.Header.Get("If-None-Match"); sent != "" && opaque(sent) == opaque(etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	encoding := encodingFor(req.Header)
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	body := d.encoded(encoding)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// mayRead makes PostHog's checks in PostHog's order, the project, the key, the
// rate, and answers a request that does not pass them.
func (r *Relay) mayRead(w http.ResponseWriter, req *http.Request, s *registry, c *caller) bool {
	presented := bearer(req.Header.Get("Authorization"))
	switch {
	case c.project != nil && c.keyed && !r.limits.allowKey(&c.key):
		rateLimited(w)
	case c.project != nil && (c.keyed || c.project.open()):
		return true
	case c.project == nil && req.URL.Query().Get("token") != "":
		badToken(w)
	case c.project == nil && (s.open && presented == "" || s.anyHas(&c.key)):
		unauthorized(w, "not_authenticated", detailNoToken)
	case presented == "":
		unauthorized(w, "not_authenticated", detailNoKey)
	case strings.HasPrefix(presented, "phs_"):
		unauthorized(w, "authentication_failed", detailBadSecret)
	default:
		unauthorized(w, "authentication_failed", detailBadPersonal)
	}
	return false
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

// encodingFor is the best content encoding that the client names and does not
// rule out: "zstd", "gzip", or "" for none.
func encodingFor(h http.Header) string {
	best, weight := "", 0.0
	for _, field := range h["Accept-Encoding"] {
		for offer := range strings.SplitSeq(field, ",") {
			name, parameters, _ := strings.Cut(offer, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			if name != "gzip" && name != "zstd" {
				continue
			}
			q := 1.0
			if text, weighed := strings.CutPrefix(strings.TrimSpace(parameters), "q="); weighed {
				var err error
				if q, err = strconv.ParseFloat(text, 64); err != nil {
					continue
				}
			}
			if q > weight || q == weight && q > 0 && name == "zstd" {
				best, weight = name, q
			}
		}
	}
	return best
}
