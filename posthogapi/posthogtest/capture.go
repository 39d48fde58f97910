package posthogtest

import (
	"io"
	"net/http"
)

// capture takes events: what was sent stands in the log of requests.
func capture(req *http.Request) reply {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return textReply(http.StatusBadRequest, "Failed to read the body: "+err.Error())
	}
	return jsonReply(http.StatusOK, map[string]string{"status": "Ok"})
}

// allowOrigin lets pages of every origin read an answer, as PostHog does.
func allowOrigin(h http.Header, req *http.Request) {
	origin := req.Header.Get("Origin")
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	if wanted := req.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		h.Set("Access-Control-Allow-Headers", wanted)
	}
}
