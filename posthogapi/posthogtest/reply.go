package posthogtest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reply is an answer before it is sent.
type reply struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
}

func (r *reply) setHeader(name string, values ...string) {
	r.header = r.header.Clone()
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header[http.CanonicalHeaderKey(name)] = values
}

// apiError is the shape of PostHog's JSON errors.
type apiError struct {
	Type   string  `json:"type"`
	Code   string  `json:"code"`
	Detail string  `json:"detail"`
	Attr   *string `json:"attr"`
}

func errorReply(status int, kind, code, detail string) reply {
	return jsonReply(status, apiError{Type: kind, Code: code, Detail: detail})
}

func jsonReply(status int, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		return textReply(http.StatusInternalServerError, "An internal server error occurred: "+err.Error())
	}
	return reply{status: status, contentType: "application/json", body: body}
}

func textReply(status int, text string) reply {
	return reply{status: status, contentType: "text/plain; charset=utf-8", body: []byte(text)}
}

func unauthorized(code, detail string) reply {
	return errorReply(http.StatusUnauthorized, "authentication_error", code, detail)
}

// statusReply is what PostHog sends with a status, as far as that is known.
func statusReply(status int) reply {
	switch status {
	case http.StatusUnauthorized:
		return unauthorized("authentication_failed", "The provided API key is invalid or has expired. Please check your API key and try again.")
	case http.StatusPaymentRequired:
		return errorReply(status, "quota_limited", "payment_required", "You have exceeded your feature flag request quota")
	case http.StatusForbidden:
		return errorReply(status, "authentication_error", "permission_denied", "Personal API key lacks required scopes (feature_flag:read or feature_flag:write).")
	case http.StatusTooManyRequests:
		return errorReply(status, "validation_error", "rate_limit_exceeded", "Rate limit exceeded")
	case http.StatusInternalServerError:
		return textReply(status, "An internal server error occurred")
	case http.StatusServiceUnavailable:
		return textReply(status, "A service dependency is temporarily unavailable. This is likely a temporary issue. Please try again later.")
	}
	return textReply(status, http.StatusText(status))
}

func (s *Server) serve(w http.ResponseWriter, req *http.Request) {
	body := &head{ReadCloser: req.Body}
	req.Body = body
	usual := s.route(req)
	s.mu.Lock()
	f := s.takeFailureLocked(req.URL.Path)
	r := f.apply(usual)
	s.recordLocked(req, body.kept, r, f.Cut || f.Truncate)
	s.mu.Unlock()

	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-req.Context().Done():
			panic(http.ErrAbortHandler) // as a server that never answers
		}
	}
	if f.Cut {
		panic(http.ErrAbortHandler)
	}
	r.write(w, req, f.Truncate)
}

func (r reply) write(w http.ResponseWriter, req *http.Request, truncate bool) {
	h := w.Header()
	maps.Copy(h, r.header)
	allowOrigin(h, req)
	body := r.body
	if len(body) > 0 {
		h.Set("Content-Type", r.contentType)
		if h.Get("Content-Encoding") == "" && acceptsGzip(req) {
			h.Set("Content-Encoding", "gzip")
			h.Set("Vary", "Accept-Encoding")
			body = compress(body)
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(r.status)
	if truncate {
		body = body[:len(body)/2]
	}
	if req.Method != http.MethodHead {
		_, _ = w.Write(body) // an error: the client has gone
	}
	if truncate {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func acceptsGzip(req *http.Request) bool {
	for _, field := range req.Header.Values("Accept-Encoding") {
		if slices.Contains(strings.FieldsFunc(field, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }), "gzip") {
			return true
		}
	}
	return false
}

func compress(body []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(body) // a bytes.Buffer does not fail
	_ = z.Close()
	return buf.Bytes()
}
