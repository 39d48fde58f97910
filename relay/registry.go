package relay

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/hogflags/hogflags/flagcache"
)

// registry is one state of the configuration, with what came of it. A request
// takes it once and stays with it; a reload swaps it.
type registry struct {
	cfg      Config
	files    []print // cfg's own and those that it names, from before they were read
	projects []*project
	byToken  map[string]*project
	byName   map[string]*project // by hostname
	trusted  []netip.Prefix

	operators keyring // who may have definitions refreshed
	open      bool    // a project's definitions can be read without a key
}

// project is one project as it is served.
type project struct {
	Project
	feed   *feed
	keys   keyring
	signed flagcache.Keys // with which the store is; none if it is not
	remote *remote
	proxy  *proxy
}

func newRegistry(cfg Config, projects []*project) *registry {
	s := &registry{
		cfg:      cfg,
		projects: projects,
		byToken:  make(map[string]*project, len(projects)),
		byName:   map[string]*project{},
		trusted:  cfg.TrustedProxies,
	}
	for _, p := range projects {
		s.byToken[p.Token] = p
		for _, name := range p.Hostnames {
			s.byName[name] = p
		}
		s.open = s.open || p.open()
	}
	return s
}

// feeds are those of the projects, in their order.
func (s *registry) feeds() []*feed {
	feeds := make([]*feed, len(s.projects))
	for i, p := range s.projects {
		feeds[i] = p.feed
	}
	return feeds
}

func (s *registry) waitUntilReady(ctx context.Context) error {
	for _, p := range s.projects {
		if p.Optional {
			continue
		}
		if err := p.feed.waitUntilReady(ctx); err != nil {
			return fmt.Errorf("project %s: %w", p.Name, err)
		}
	}
	return nil
}

// caller is who a request comes from, as far as its head tells.
type caller struct {
	project *project // nil: not known
	keyed   bool     // a relay key of the project was presented
	key     keyHash  // of what was presented, a relay key or not; zero: nothing
}

// call finds the project and the key of a request. The token, which comes first,
// may be empty; a token that no project has finds none. Without one it is the
// project of the hostname, the only one, or that of the relay key.
func (s *registry) call(req *http.Request, token string) caller {
	return s.callWith(req, token, bearer(req.Header.Get("Authorization")))
}

// callWith is call for who presents a key elsewhere, or none.
func (s *registry) callWith(req *http.Request, token, presented string) caller {
	var c caller
	if presented != "" {
		c.key = sha256.Sum256([]byte(presented))
	}
	switch {
	case token != "":
		c.project = s.byToken[token]
	case s.byName[hostname(req)] != nil:
		c.project = s.byName[hostname(req)]
	case len(s.projects) == 1:
		c.project = s.projects[0]
	default:
		of := 0
		for _, p := range s.projects {
			if p.keys.has(&c.key) {
				c.project = p
				of++
			}
		}
		if of > 1 {
			c.project = nil
		}
	}
	c.keyed = presented != "" && c.project != nil && c.project.keys.has(&c.key)
	return c
}

// anyHas reports whether a key is a relay key of any project.
func (s *registry) anyHas(h *keyHash) bool {
	found := false
	for _, p := range s.projects {
		found = p.keys.has(h) || found
	}
	return found
}

// presents reports whether a header's value is a relay key of any project, under
// whatever scheme or none.
func (s *registry) presents(value string) bool {
	if value == "" {
		return false
	}
	if _, key, ok := strings.Cut(value, " "); ok {
		value = key
	}
	h := hashOf([]byte(strings.TrimSpace(value)))
	return s.anyHas(&h)
}

// hostname is the name that a request was sent to, without the port.
func hostname(req *http.Request) string {
	name, _, err := net.SplitHostPort(req.Host)
	if err != nil {
		name = req.Host
	}
	return strings.ToLower(strings.Trim(name, "[]"))
}
