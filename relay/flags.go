package relay

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/hogflags/hogflags/internal/flagswire"
	"github.com/hogflags/hogflags/rules"
)

const allowFlags = "GET, POST, OPTIONS, HEAD"

// flags is PostHog's endpoint for flags, under both of its names.
func (r *Relay) flags(w http.ResponseWriter, req *http.Request, s *registry) {
	switch req.Method {
	case http.MethodPost:
		r.evaluate(w, req, s)
	case http.MethodGet:
		r.forward(w, req, s)
	case http.MethodHead:
		cors(w, req)
		w.Header().Set("Content-Type", "application/json")
	case http.MethodOptions:
		cors(w, req)
		w.Header().Set("Allow", allowFlags)
		w.WriteHeader(http.StatusNoContent)
	default:
		cors(w, req)
		w.Header().Set("Allow", allowFlags)
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// evaluate answers for flags: here, with PostHog's help, or PostHog does.
func (r *Relay) evaluate(w http.ResponseWriter, req *http.Request, s *registry) {
	a, body, err := readAsk(w, req, s.cfg.Limits.FlagsBodyBytes)
	if err != nil {
		r.unclear(w, req, s, body, err)
		return
	}
	c := caller{}
	if a.token != "" {
		c = s.call(req, a.token)
		about(w, c.project)
	}
	switch {
	case a.token == "":
		cors(w, req)
		unauthorized(w, "not_authenticated", detailNoToken)
		return
	case c.project == nil:
		cors(w, req)
		badToken(w)
		return
	case c.keyed && !r.limits.allowKey(&c.key):
		cors(w, req)
		rateLimited(w)
		return
	}
	p := c.project
	d := p.feed.current(p.feed.document())
	why := a.whole
	if why == "" {
		why = undecidable(a, &c, d)
	}
	switch {
	case p.Remote == RemoteAlways, why != "" && p.Remote != RemoteNever:
		unread(req, body)
		because(w, cmp.Or(why, "remote is always"))
		p.proxy.pass(w, req, s, &c)
		return
	case !a.identified:
		cors(w, req)
		writeText(w, http.StatusBadRequest, textNoDistinctID)
		return
	case d == nil:
		cors(w, req)
		writeText(w, http.StatusServiceUnavailable, textUnavailable)
		return
	}
	out := answer{requestID: flagswire.RequestID(req.Header), minimal: d.set.MinimalFlagCalledEvents(), errors: why != ""}
	a.subject.Now = time.Now()
	out.evaluatedAt = a.subject.Now
	memory := takeScratch()
	defer memory.free()
	out.collect(a.evaluate(d, memory))
	if len(out.open) > 0 && p.Remote != RemoteNever {
		p.remote.complete(req, s, a, &out)
	}
	p.feed.counts.add(&out)
	cors(w, req)
	w.Header()[answeredHeader] = out.by()
	memory.body = out.encode(memory.body[:0], a.shape, d)
	writeBody(w, http.StatusOK, memory.body)
}

// readAsk reads a request, and returns its body as it came, too.
func readAsk(w http.ResponseWriter, req *http.Request, limit int64) (a *ask, body []byte, err error) {
	if body, err = readBody(w, req, limit); err != nil {
		return nil, nil, err
	}
	decoded, err := decodeBody(body, req.Header, req.URL.Query().Get("compression"), limit)
	if err != nil {
		return nil, body, err
	}
	a, err = newAsk(req, decoded)
	return a, body, err
}

// unclear answers a request that could not be read, or has PostHog answer it.
func (r *Relay) unclear(w http.ResponseWriter, req *http.Request, s *registry, body []byte, err error) {
	switch unclear, ok := errors.AsType[*decodingError](err); {
	case errors.Is(err, errTooLarge):
		cors(w, req)
		writeText(w, http.StatusRequestEntityTooLarge, errTooLarge.Error())
	case !ok:
		panic(http.ErrAbortHandler) // the client has gone, or was too slow: there is nobody to answer
	case unclear.certain || s.neverRemote():
		cors(w, req)
		writeText(w, http.StatusBadRequest, unclear.Error())
	default:
		unread(req, body)
		because(w, "body")
		r.forward(w, req, s) // PostHog reads what this does not, or says what is wrong
	}
}

// unread gives a request the body back that was read from it. It can be sent more
// than once: the connection to PostHog may turn out to be closed.
func unread(req *http.Request, body []byte) {
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	req.ContentLength = int64(len(body))
}

// undecidable says why a request is to go to PostHog whole; empty if it can be
// answered from the definitions.
func undecidable(a *ask, c *caller, d *document) string {
	switch {
	case d == nil:
		return "no definitions"
	case d.tooOld:
		return "definitions too old" // PostHog may have other flags by now
	case a.anonymous != "" && d.feed.continuity:
		return "$anon_distinct_id" // PostHog stores what it belongs to
	case a.everywhere && d.feed.runtimes:
		return "runtime"
	case a.keys == nil && !c.keyed && !c.project.Server:
		return "all flags" // the feed leaves out those of surveys
	}
	for _, key := range a.keys {
		if !d.feed.has(key) {
			return "flag not in the feed"
		}
	}
	return ""
}

// evaluate answers from the definitions, for what was asked.
func (a *ask) evaluate(d *document, s *scratch) []rules.Answer {
	if a.keys == nil {
		s.answers = d.set.EvaluateAll(s.answers[:0], &a.subject)
		return s.answers
	}
	keys := d.feed.withNeeds(a.keys)
	answers := make([]rules.Answer, len(keys))
	for i, key := range keys {
		answers[i] = d.set.Evaluate(key, &a.subject)
	}
	return answers
}

// neverRemote reports whether no project may have PostHog evaluate.
func (s *registry) neverRemote() bool {
	for _, p := range s.projects {
		if p.Remote != RemoteNever {
			return false
		}
	}
	return true
}

// maxUpfront is how much memory a body gets, in bytes, before any of it has come:
// who announces much may send nothing.
const maxUpfront = 64 << 10

func readBody(w http.ResponseWriter, req *http.Request, limit int64) ([]byte, error) {
	if req.ContentLength > limit {
		return nil, errTooLarge
	}
	var b bytes.Buffer
	if req.ContentLength > 0 {
		b.Grow(int(min(req.ContentLength, maxUpfront)) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(w, req.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, errTooLarge
	}
	return b.Bytes(), err
}
