package posthogtest

import (
	"net/http"
	"strings"

	"github.com/hogflags/hogflags/flagdef"
)

// remoteConfigKey is the flag whose remote config a path names.
func remoteConfigKey(path string) (key string, ok bool) {
	key, ok = strings.CutPrefix(strings.TrimSuffix(path, "/"), "/api/projects/@current/feature_flags/")
	if !ok {
		return "", false
	}
	key, ok = strings.CutSuffix(key, "/remote_config")
	return key, ok && key != ""
}

// remoteConfig answers with the payload of a flag that is served when it is on.
func (s *Server) remoteConfig(req *http.Request, key string) reply {
	if req.Method != http.MethodGet {
		return reply{status: http.StatusMethodNotAllowed, header: http.Header{"Allow": {"GET, HEAD, OPTIONS"}}}
	}
	s.mu.Lock()
	keys, body := s.keys, s.document.body
	s.mu.Unlock()
	if refused, ok := keys.authenticate(req); !ok {
		return refused
	}
	defs, err := flagdef.Parse(body)
	if err != nil {
		return statusReply(http.StatusInternalServerError)
	}
	for i := range defs.Flags {
		if defs.Flags[i].Key != key {
			continue
		}
		payload := []byte(defs.Flags[i].Payload("true"))
		if payload == nil {
			payload = []byte("null")
		}
		return reply{status: http.StatusOK, contentType: "application/json", body: payload}
	}
	return errorReply(http.StatusNotFound, "invalid_request", "not_found", "Not found.")
}
