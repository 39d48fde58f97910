package relay

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hogflags/hogflags/internal/flagswire"
	"github.com/hogflags/hogflags/rules"
)

// OFREP is OpenFeature's Remote Evaluation Protocol, 0.3.0.
const (
	ofrepRoot          = "/ofrep/v1/"
	ofrepFlags         = ofrepRoot + "evaluate/flags"
	ofrepConfiguration = ofrepRoot + "configuration"
	ofrepEvents        = ofrepRoot + "events"
)

// refetchPatience is for this replica to catch up with the one that told a client
// of a change.
const refetchPatience = 2 * time.Second

// ofrep serves the paths of OFREP.
func (r *Relay) ofrep(w http.ResponseWriter, req *http.Request, s *registry) {
	ofrepCORS(w, req)
	path := req.URL.EscapedPath() // a flag's key may have an escaped slash
	method := http.MethodPost
	if path == ofrepConfiguration || path == ofrepEvents {
		method = http.MethodGet
	}
	switch key, found := strings.CutPrefix(path, ofrepFlags); {
	case method == http.MethodPost && !found, found && key != "" && key[0] != '/':
		writeJSON(w, http.StatusNotFound, ofrepError{Details: "OFREP has no such path"})
	case req.Method == http.MethodOptions:
		w.Header().Set("Allow", method+", OPTIONS")
		w.WriteHeader(http.StatusNoContent)
	case req.Method != method:
		w.Header().Set("Allow", method+", OPTIONS")
		writeJSON(w, http.StatusMethodNotAllowed, ofrepError{Details: "want " + method})
	case path == ofrepConfiguration:
		serveOFREPConfiguration(w, req)
	case path == ofrepEvents:
		r.ofrepEvents(w, req, s)
	default:
		r.ofrepEvaluate(w, req, s, strings.TrimPrefix(key, "/"))
	}
}

// isOFREP reports whether a path is one of OFREP's.
func isOFREP(path string) bool { return strings.HasPrefix(path, ofrepRoot) }

// ofrepCORS is cors, with what OFREP's clients in browsers have to see.
func ofrepCORS(w http.ResponseWriter, req *http.Request) {
	cors(w, req)
	if req.Header.Get("Origin") != "" && req.Method != http.MethodOptions {
		w.Header().Set("Access-Control-Expose-Headers", "ETag, Retry-After, x-hogflags-answered")
	}
}

// ofrepEvaluate answers for one flag or, without a key, for all.
func (r *Relay) ofrepEvaluate(w http.ResponseWriter, req *http.Request, s *registry, escaped string) {
	c, ok := s.ofrepCall(req)
	about(w, c.project)
	switch {
	case !ok:
		w.Header().Set("WWW-Authenticate", "Bearer")
		writeJSON(w, http.StatusUnauthorized, ofrepError{Details: "want a relay key or the project's token, as Authorization: Bearer or X-API-Key; a key of several projects goes to one of their hostnames"})
		return
	case c.keyed && !r.limits.allowKey(&c.key):
		ofrepLimited(w)
		return
	}
	key, err := url.PathUnescape(escaped)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, ofrepError{Code: codeParse, Details: "the flag's key is not escaped well"})
		return
	}
	memory := takeScratch()
	defer memory.free()
	a, fail := readOFREP(w, req, s.cfg.Limits.FlagsBodyBytes, memory)
	if fail != nil {
		fail.error.Key = key
		writeJSON(w, fail.status, fail.error)
		return
	}
	p := c.project
	a.fromOFREP(&c)
	d := p.feed.document()
	awaited := ""
	if req.URL.RawQuery != "" {
		awaited = req.URL.Query().Get("flagConfigEtag")
	}
	if awaited != "" {
		d = p.feed.awaitRevision(req.Context(), opaque(awaited), refetchPatience)
	}
	d = p.feed.current(d)
	if d == nil && (key == "" || p.Remote == RemoteNever) {
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, ofrepError{Key: key, Code: codeNotReady, Details: "no definitions yet"})
		return
	}
	a.subject.Now = time.Now()
	var answers []rules.Answer
	switch {
	case key == "":
		answers = d.set.EvaluateAll(memory.answers[:0], &a.subject)
	case d != nil:
		answers = append(memory.answers[:0], d.set.Evaluate(key, &a.subject))
	default:
		answers = append(memory.answers[:0], rules.Absent(key))
	}
	memory.answers = answers
	out := answer{evaluatedAt: a.subject.Now}
	out.collectOFREP(answers, p.Remote, d)
	if len(out.open) > 0 && p.Remote != RemoteNever {
		a.spell(p.Token)
		out.requestID = flagswire.RequestID(req.Header)
		p.remote.complete(req, s, &a.ask, &out)
	}
	p.feed.counts.add(&out)
	w.Header()[answeredHeader] = out.by()
	if key != "" {
		var status int
		status, memory.body = out.appendSingle(memory.body[:0], key, d)
		writeBody(w, status, memory.body)
		return
	}
	body, sum := out.appendBulk(memory.body[:0], p.Token, d)
	memory.body = body
	memory.subject = a.appendSubject(memory.subject[:0])
	etag := etagOf(memory.subject, sum)
	w.Header()["Etag"] = []string{etag}
	w.Header()["Cache-Control"] = []string{"private, no-cache"}
	// Who says what it waits for has not got it: no other header may say that
	// it has.
	if sent := req.Header.Get("If-None-Match"); sent != "" && matches(sent, etag) && awaited == "" {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeBody(w, http.StatusOK, body)
}

// ofrepCall finds who asks: by a relay key, by the project's token, or, where
// definitions are open to all, by nothing.
func (s *registry) ofrepCall(req *http.Request) (c caller, ok bool) {
	presented := bearer(req.Header.Get("Authorization"))
	if presented == "" {
		presented = strings.TrimSpace(req.Header.Get("X-Api-Key"))
	}
	if p := s.byToken[presented]; p != nil {
		return caller{project: p}, true
	}
	c = s.callWith(req, "", presented)
	return c, c.keyed || presented == "" && c.project != nil && c.project.open()
}

// matches reports whether a list of validators has one, by weak comparison.
func matches(list, etag string) bool {
	if strings.TrimSpace(list) == "*" {
		return true
	}
	for v := range strings.SplitSeq(list, ",") {
		if opaque(v) == opaque(etag) {
			return true
		}
	}
	return false
}

func ofrepLimited(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	writeJSON(w, http.StatusTooManyRequests, ofrepError{Details: detailRateLimited})
}

// configurationBody is of OFREP 0.1, whose clients ask for it; later ones do not.
const configurationBody = `{"name":"hogflags","capabilities":{"cacheInvalidation":{"polling":{"enabled":true,"minPollingIntervalMs":10000}},"flagEvaluation":{"supportedTypes":["boolean","string"]},"caching":{"enabled":false}}}`

func serveOFREPConfiguration(w http.ResponseWriter, req *http.Request) {
	const etag = `"1"`
	w.Header()["Etag"] = []string{etag}
	if matches(req.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeBody(w, http.StatusOK, []byte(configurationBody))
}
