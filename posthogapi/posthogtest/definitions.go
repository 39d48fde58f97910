package posthogtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// document is a definitions document as served. It is not changed.
type document struct {
	body     []byte
	hash     string // 16 hex digits; opaque to clients
	compiled func() compiled
}

// compiled is what POST /flags needs of a document.
type compiled struct {
	set        *rules.Set // nil when the body is no definitions document
	groupTypes []string
	minimal    bool
	continuity []string // flags that keep what they were before a person was identified
}

func newDocument(body []byte, unlisted []json.RawMessage) document {
	sum := sha256.Sum256(body)
	return document{
		body:     body,
		hash:     hex.EncodeToString(sum[:8]),
		compiled: sync.OnceValue(func() compiled { return compile(body, unlisted) }),
	}
}

func compile(body []byte, unlisted []json.RawMessage) compiled {
	if len(unlisted) > 0 {
		all, err := withFlags(body, func(flags []json.RawMessage) ([]json.RawMessage, error) {
			return append(flags, unlisted...), nil
		})
		if err != nil {
			return compiled{}
		}
		body = all
	}
	defs, err := flagdef.Parse(body)
	if err != nil {
		return compiled{}
	}
	continuity := takeContinuity(defs)
	return compiled{
		continuity: continuity,
		set:        rules.Compile(defs, rules.Options{}),
		groupTypes: slices.Collect(maps.Values(defs.GroupTypes)),
		minimal:    defs.MinimalFlagCalledEvents,
	}
}

// route answers a request as a server without failures would.
func (s *Server) route(req *http.Request) reply {
	switch strings.TrimSuffix(req.URL.Path, "/") {
	case "/flags/definitions", "/api/feature_flag/local_evaluation":
		return s.definitions(req)
	case "/flags":
		return s.flags(req)
	case "/batch", "/capture", "/e", "/i/v0/e":
		switch req.Method {
		case http.MethodPost:
			return capture(req)
		case http.MethodOptions:
			return reply{status: http.StatusNoContent}
		}
	}
	if key, ok := remoteConfigKey(req.URL.Path); ok {
		return s.remoteConfig(req, key)
	}
	return textReply(http.StatusNotFound, "Not Found")
}

func (s *Server) definitions(req *http.Request) reply {
	const allow = "GET, OPTIONS, HEAD"
	switch req.Method {
	case http.MethodGet:
	case http.MethodHead:
		return reply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}}
	case http.MethodOptions:
		return reply{status: http.StatusNoContent, header: http.Header{"Allow": {allow}}}
	default:
		return reply{status: http.StatusMethodNotAllowed, header: http.Header{"Allow": {allow}}}
	}
	s.mu.Lock()
	keys, doc := s.keys, s.document
	s.mu.Unlock()
	if refused, ok := keys.authenticate(req); !ok {
		return refused
	}
	header := http.Header{
		"Etag":          {`W/"` + doc.hash + `"`},
		"Cache-Control": {"private, must-revalidate"},
	}
	if matches(req.Header.Get("If-None-Match"), doc.hash) {
		return reply{status: http.StatusNotModified, header: header}
	}
	return reply{status: http.StatusOK, contentType: "application/json", header: header, body: doc.body}
}

// authenticate makes PostHog's checks in PostHog's order.
func (c Config) authenticate(req *http.Request) (refused reply, ok bool) {
	if refused, ok := c.checkToken(req.URL.Query().Get("token")); !ok {
		return refused, false
	}
	key, bearer := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	key = strings.TrimSpace(key)
	switch {
	case !bearer || key == "":
		return unauthorized("not_authenticated", "Authentication credentials were not provided."), false
	case key == c.SecretKey || key == c.PersonalKey:
		return reply{}, true
	case strings.HasPrefix(key, "phs_"):
		return unauthorized("authentication_failed", "Secret API token is invalid."), false
	}
	return unauthorized("authentication_failed", "Personal API key is invalid."), false
}

func (c Config) checkToken(token string) (refused reply, ok bool) {
	switch token {
	case c.ProjectToken:
		return reply{}, true
	case "":
		return unauthorized("not_authenticated", "No API token provided. Please include a valid API token in your request."), false
	}
	return unauthorized("authentication_failed", "The provided API key is invalid or has expired. Please check your API key and try again."), false
}

// matches compares a validator in the three spellings that PostHog accepts.
func matches(ifNoneMatch, hash string) bool {
	v := strings.TrimSpace(ifNoneMatch)
	return v == `W/"`+hash+`"` || v == `"`+hash+`"` || v == hash
}
