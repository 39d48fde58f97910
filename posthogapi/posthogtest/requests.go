package posthogtest

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Kind says how a request was answered.
type Kind string

// The kinds of answers.
const (
	Full        Kind = "full"         // a 2xx with a body
	NotModified Kind = "not modified" // a 304
	Failed      Kind = "failed"       // any other, or a broken connection
)

// These bound the log of a server that runs for days.
const (
	keptRequests = 10_000
	keptBody     = 64 << 10
)

// head keeps the beginning of what is read through it.
type head struct {
	io.ReadCloser
	kept []byte
}

func (h *head) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	h.kept = append(h.kept, p[:min(n, keptBody-len(h.kept))]...)
	return n, err
}

// Request is one line of the log.
type Request struct {
	Time   time.Time
	Method string
	Path   string
	Query  url.Values
	Header http.Header // without Authorization
	// Authorized is true when an Authorization header was sent.
	Authorized bool
	// Body is what was sent, as on the wire, at most 64 KiB of it.
	Body   []byte
	Status int // of the answer, also where a broken connection kept it back
	Kind   Kind
}

// Requests returns the requests so far, oldest first, at most the last 10,000.
// A request is in it before its answer is sent.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Count is the number of requests in the log that were answered so.
func (s *Server) Count(kind Kind) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Kind == kind {
			n++
		}
	}
	return n
}

func (s *Server) recordLocked(req *http.Request, body []byte, r reply, broken bool) {
	entry := Request{
		Time:   time.Now(),
		Method: req.Method,
		Path:   req.URL.Path,
		Query:  req.URL.Query(),
		Header: req.Header.Clone(),
		Body:   body,
		Status: r.status,
		Kind:   Failed,
	}
	entry.Authorized = entry.Header.Get("Authorization") != ""
	entry.Header.Del("Authorization")
	switch {
	case broken:
	case r.status == http.StatusNotModified:
		entry.Kind = NotModified
	case r.status >= 200 && r.status < 300:
		entry.Kind = Full
	}
	if len(s.requests) >= keptRequests {
		s.requests = slices.Delete(s.requests, 0, len(s.requests)-keptRequests+1)
	}
	s.requests = append(s.requests, entry)
}
