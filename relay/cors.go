package relay

import "net/http"

// cors lets pages of every origin read an answer, as PostHog does: it mirrors
// the origin and the headers that the page wants to send.
func cors(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h["Vary"] = varyOrigin
	origin := req.Header.Get("Origin")
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	if req.Method != http.MethodOptions {
		h.Set("Access-Control-Expose-Headers", "x-posthog-rate-limit-warning, x-hogflags-answered")
		return
	}
	h.Set("Access-Control-Allow-Methods", "GET,POST,OPTIONS,HEAD")
	if wanted := req.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		h.Set("Access-Control-Allow-Headers", wanted)
	}
}
