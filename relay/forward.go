package relay

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// answeredHeader says who made an answer: local, merged or upstream.
const answeredHeader = "X-Hogflags-Answered"

// whyHeader says why a request for flags was passed on whole.
const whyHeader = "X-Hogflags-Why"

// because notes why a request for flags is passed on.
func because(w http.ResponseWriter, why string) {
	w.Header().Set(whyHeader, why)
	if told, ok := w.(*telling); ok {
		told.why = why
	}
}

// hopsHeader counts the relays that a request has come through: one that was
// told to be its own PostHog would ask itself for ever.
const (
	hopsHeader = "X-Hogflags-Hops"
	maxHops    = 4
)

func hops(h http.Header) int {
	n, _ := strconv.Atoi(h.Get(hopsHeader)) // anything else is no relay's
	return max(0, n)
}

// looping answers a request that has come through too many relays.
func looping(w http.ResponseWriter, req *http.Request) bool {
	if hops(req.Header) < maxHops {
		return false
	}
	writeText(w, http.StatusLoopDetected, "The request has come through too many relays: is one of them its own host?")
	return true
}

// proxy streams requests to a project's PostHog.
type proxy struct {
	api, assets *url.URL
	secret      Source
	reverse     httputil.ReverseProxy
}

// passage is what the proxy has to know of a request, beside the request.
type passage struct {
	trusted []netip.Prefix
	to      *url.URL
	ours    []string // headers with a relay key, which is nobody's business but ours
	bearer  string   // takes the key's place; empty: nothing does
}

type passageKey struct{}

func newProxy(p *Project, d deps) *proxy {
	x := &proxy{api: mustParse(p.Host), assets: mustParse(p.AssetsHost), secret: p.SecretKey}
	x.reverse = httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      d.transport,
		ErrorLog:       slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
		ModifyResponse: markUpstream,
		ErrorHandler: func(w http.ResponseWriter, req *http.Request, err error) {
			d.log.Debug("PostHog could not be reached", "project", p.Name, "path", req.URL.Path, "error", withoutURL(err))
			unreachable(w, req, err)
		},
	}
	return x
}

// forward passes a request on as it came.
func (r *Relay) forward(w http.ResponseWriter, req *http.Request, s *registry) {
	c := s.call(req, tokenInPath(req))
	if c.project == nil && tokenInPath(req) != "" {
		c = s.call(req, "") // a token may stand for itself: PostHog knows
	}
	if c.project == nil {
		c.project = s.projects[0] // all have one host, or each has names and this is none of them
		if !s.oneHost() {
			writeText(w, http.StatusMisdirectedRequest, "This relay serves projects on several hosts, and none of them under this name.")
			return
		}
	}
	about(w, c.project)
	if c.keyed && !r.limits.allowKey(&c.key) {
		cors(w, req)
		rateLimited(w)
		return
	}
	if req.ContentLength > s.cfg.Limits.BodyBytes {
		cors(w, req)
		writeText(w, http.StatusRequestEntityTooLarge, errTooLarge.Error())
		return
	}
	if req.Body != nil {
		req.Body = http.MaxBytesReader(w, req.Body, s.cfg.Limits.BodyBytes)
	}
	c.project.proxy.pass(w, req, s, &c)
}

func (s *registry) oneHost() bool {
	for _, p := range s.projects {
		if p.Host != s.projects[0].Host {
			return false
		}
	}
	return true
}

// tokenInPath is the token of a request that names its project outside of the
// body: empty if it does not.
func tokenInPath(req *http.Request) string {
	if rest, ok := strings.CutPrefix(req.URL.Path, "/array/"); ok {
		token, _, _ := strings.Cut(rest, "/")
		return token
	}
	q := req.URL.Query()
	for _, name := range []string{"token", "api_key"} {
		if token := q.Get(name); token != "" {
			return token
		}
	}
	return ""
}

// pass sends a request on and its answer back.
func (x *proxy) pass(w http.ResponseWriter, req *http.Request, s *registry, c *caller) {
	if looping(w, req) {
		return
	}
	p := passage{trusted: s.trusted, to: x.api}
	if strings.HasPrefix(req.URL.Path, "/static/") || strings.HasPrefix(req.URL.Path, "/array/") {
		p.to = x.assets
	}
	for _, name := range []string{"Authorization", "X-Api-Key"} {
		if s.presents(req.Header.Get(name)) {
			p.ours = append(p.ours, name)
		}
	}
	if c.keyed && readsRemoteConfig(req) {
		secret, err := x.secret.read()
		if err != nil {
			unreachable(w, req, err)
			return
		}
		p.bearer = secret
	}
	x.reverse.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), passageKey{}, p)))
}

// readsRemoteConfig reports whether a request is the one, beside that for the
// definitions, that SDKs send with the project's secret key.
func readsRemoteConfig(req *http.Request) bool {
	key, ok := strings.CutPrefix(endpoint(req.URL.EscapedPath()), "/api/projects/@current/feature_flags/")
	key, remote := strings.CutSuffix(key, "/remote_config")
	return ok && remote && req.Method == http.MethodGet && key != "" && !strings.Contains(key, "/")
}

// rewrite makes the request that goes to PostHog. Headers that belong to one
// connection are gone from it already.
func rewrite(r *httputil.ProxyRequest) {
	p, _ := r.In.Context().Value(passageKey{}).(passage)
	r.SetURL(p.to)
	r.Out.Host = p.to.Host
	if isTrusted(peer(r.In), p.trusted) {
		r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
	}
	r.SetXForwarded()
	if isTrusted(peer(r.In), p.trusted) {
		for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Host"} {
			if v := r.In.Header.Get(name); v != "" {
				r.Out.Header.Set(name, v)
			}
		}
	}
	r.Out.Header.Set(hopsHeader, strconv.Itoa(hops(r.In.Header)+1))
	for _, name := range p.ours {
		r.Out.Header.Del(name)
	}
	if p.bearer != "" {
		r.Out.Header.Set("Authorization", "Bearer "+p.bearer)
	}
	if _, ok := r.Out.Header["User-Agent"]; !ok {
		r.Out.Header["User-Agent"] = []string{""} // net/http's own would make the client a server
	}
}

func markUpstream(resp *http.Response) error {
	resp.Header.Set(answeredHeader, "upstream")
	resp.Header.Del(whyHeader) // of another relay on the way
	return nil
}

// unreachable answers for a PostHog that does not.
func unreachable(w http.ResponseWriter, req *http.Request, err error) {
	cors(w, req)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		writeText(w, http.StatusRequestEntityTooLarge, errTooLarge.Error())
		return
	}
	status, text := http.StatusServiceUnavailable, textUnavailable
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		status, text = http.StatusGatewayTimeout, textTimeout
	}
	writeText(w, status, text)
}

// withoutURL drops the URL, which may hold a token, from an error of net/http.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
