package posthogtest

import (
	"net/http"
	"time"
)

// Failure is how the server misbehaves. The fields combine; the zero value
// changes nothing.
type Failure struct {
	// Path confines the failure to one path, such as "/flags/definitions".
	// Empty: every path.
	Path string

	// Times is how many requests fail before the server recovers by itself.
	// Zero: until [Server.Recover].
	Times int

	// Status answers with this status, before any other check. Zero: the
	// answer is the usual one.
	Status int

	// Body replaces the body. Empty with a Status: what PostHog sends with
	// that status. A Body without a Status keeps the usual status and headers.
	Body string

	// ContentType goes with Body. Empty: text/plain.
	ContentType string

	// Header is added to the answer's.
	Header http.Header

	// RetryAfter is the header's value, verbatim. Empty: none.
	RetryAfter string

	// Delay passes between taking the request, when the answer is settled
	// and logged, and sending the answer. It ends early, without an answer,
	// when the client goes away.
	Delay time.Duration

	// Truncate breaks the connection after half of the body.
	Truncate bool

	// Cut breaks the connection instead of answering. On a connection that
	// was used before, net/http may send the request again by itself.
	Cut bool
}

// Fail makes the server misbehave from the next request on. It replaces an
// earlier failure.
func (s *Server) Fail(f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = &f
}

// Recover ends a failure.
func (s *Server) Recover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = nil
}

// takeFailureLocked returns the failure for one request, the zero value for none.
func (s *Server) takeFailureLocked(path string) Failure {
	f := s.failure
	if f == nil || f.Path != "" && f.Path != path {
		return Failure{}
	}
	taken := *f
	if f.Times > 0 {
		if f.Times--; f.Times == 0 {
			s.failure = nil
		}
	}
	return taken
}

// apply turns the usual answer into the failed one.
func (f Failure) apply(usual reply) reply {
	r := usual
	if f.Status != 0 {
		r = statusReply(f.Status)
	}
	if f.Body != "" {
		r.body = []byte(f.Body)
		r.contentType = f.ContentType
		if r.contentType == "" {
			r.contentType = "text/plain"
		}
	}
	for name, values := range f.Header {
		r.setHeader(name, values...)
	}
	if f.RetryAfter != "" {
		r.setHeader("Retry-After", f.RetryAfter)
	}
	return r
}
