package relay

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/loader"
)

// Admin is the handler of /livez, /readyz, /status, /metrics and /refresh alone.
func (r *Relay) Admin() http.Handler { return r.admin }

func (r *Relay) serveAdmin(w http.ResponseWriter, req *http.Request) {
	if !r.serveAdminPath(w, req) {
		writeText(w, http.StatusNotFound, "Not Found")
	}
}

// serveAdminPath answers if the path is one for operators.
func (r *Relay) serveAdminPath(w http.ResponseWriter, req *http.Request) bool {
	var serve func(http.ResponseWriter, *http.Request)
	switch req.URL.Path {
	case refreshPath:
		r.refresh(w, req, r.current.Load())
		return true
	case "/livez":
		serve = func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "alive\n") }
	case "/readyz":
		serve = r.readyz
	case "/status":
		serve = r.status
	case "/metrics":
		serve = r.metrics.handler.ServeHTTP
	default:
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return true
	}
	serve(w, req)
	return true
}

// readyz says whether every project that is not optional has definitions. Stale
// ones are: a relay that goes unready with its upstream would take the fleet
// down with it.
func (r *Relay) readyz(w http.ResponseWriter, req *http.Request) {
	var missing, all []string
	for _, p := range r.current.Load().projects {
		line := p.Name + ": ready"
		if p.feed.expired() {
			line += ", with definitions older than " + p.MaxAge.String()
		}
		if p.feed.document() == nil {
			line = p.Name + ": " + reason(p.feed.loader.Status())
			if !p.Optional {
				missing = append(missing, line)
			}
		}
		all = append(all, line)
	}
	status, text := http.StatusOK, "ready\n"
	switch {
	case r.stopping.Load():
		status, text = http.StatusServiceUnavailable, "not ready: stopping\n"
	case len(missing) > 0:
		status, text = http.StatusServiceUnavailable, "not ready: "+strings.Join(missing, "; ")+"\n"
	}
	if req.URL.Query().Has("verbose") {
		text = strings.Join(all, "\n") + "\n" + text
	}
	writeText(w, status, text)
}

// reason is why there are no definitions yet.
func reason(s loader.Status) string {
	switch {
	case s.StoreErr != nil:
		return fmt.Sprintf("the store cannot be used: %v", s.StoreErr)
	case s.Leader != "" && s.Role != flagcache.RoleLeader:
		return "waiting for the definitions of " + s.Leader
	case s.Role == flagcache.RoleReader:
		return "no definitions in the store yet"
	case s.Cause != nil:
		return s.Cause.Error()
	}
	return "no definitions yet"
}

// report is the JSON of /status. It holds no secrets.
type report struct {
	StartedAt time.Time       `json:"started_at"`
	Stopping  bool            `json:"stopping"`
	Projects  []projectReport `json:"projects"`
}

type projectReport struct {
	Name       string         `json:"name"`
	Host       string         `json:"host"`
	State      string         `json:"state"`  // empty, loading, current, stale, closed
	Source     string         `json:"source"` // none, file, store, upstream
	Cause      string         `json:"cause,omitempty"`
	Leader     bool           `json:"leader"` // asks upstream itself
	Role       flagcache.Role `json:"role,omitempty"`
	LedBy      string         `json:"led_by,omitempty"`
	Epoch      uint64         `json:"epoch"`
	Seq        uint64         `json:"seq"`
	Revision   string         `json:"revision"`
	ETag       string         `json:"etag"`
	Latest     string         `json:"latest"` // the newest revision that is known: another only under a pin
	Pin        *pinReport     `json:"pin"`    // null if the latest is served
	Flags      int            `json:"flags"`
	Bytes      int            `json:"bytes"`
	AppliedAt  *time.Time     `json:"applied_at"`  // null until definitions are served
	AgeSeconds *float64       `json:"age_seconds"` // since upstream confirmed them; null if not known
	Expired    bool           `json:"expired"`     // they are older than they may be
	Upstream   upstreamReport `json:"upstream"`
	Store      *storeReport   `json:"store"`     // null without a store
	Signing    *signatures    `json:"signing"`   // null if the store is not signed
	Published  *publication   `json:"published"` // null if nothing is to be published by this relay
	Remote     Remote         `json:"remote"`
	RelayKeys  int            `json:"relay_keys"`
}

type pinReport struct {
	By  string    `json:"by"`
	Why string    `json:"why"`
	At  time.Time `json:"at"`
}

// publication says how publishing goes, as far as this relay leads.
type publication struct {
	Revision   string     `json:"revision"` // the last that this relay published; empty if none
	At         *time.Time `json:"at"`       // when it was last written; null if it never was
	Error      string     `json:"error,omitempty"`
	Written    uint64     `json:"written"`
	Superseded uint64     `json:"superseded"` // times that somebody else had published something newer
	Failed     uint64     `json:"failed"`
}

func (f *feed) publication() *publication {
	if f.leader == nil {
		return nil
	}
	s := f.leader.Published()
	out := &publication{Written: s.Written, Superseded: s.Superseded, Failed: s.Failed}
	if !s.At.IsZero() {
		out.Revision, out.At = s.Revision.String(), &s.At
	}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	return out
}

type upstreamReport struct {
	Full        uint64     `json:"full"`
	NotModified uint64     `json:"not_modified"`
	Failed      uint64     `json:"failed"`
	Failure     string     `json:"failure,omitempty"`
	NotBefore   *time.Time `json:"not_before,omitempty"`
}

type storeReport struct {
	Error      string `json:"error,omitempty"`
	Tenures    uint64 `json:"tenures"`
	Saves      uint64 `json:"saves"`
	Confirms   uint64 `json:"confirms"`
	Repairs    uint64 `json:"repairs"`
	Refused    uint64 `json:"refused"`
	Loads      uint64 `json:"loads"`
	Applied    uint64 `json:"applied"`
	BadEntries uint64 `json:"bad_entries"`
	Errors     uint64 `json:"errors"`
	Hints      uint64 `json:"hints"`
}

func (r *Relay) status(w http.ResponseWriter, _ *http.Request) {
	out := report{StartedAt: r.started, Stopping: r.stopping.Load()}
	for _, p := range r.current.Load().projects {
		out.Projects = append(out.Projects, p.report())
	}
	writeJSON(w, http.StatusOK, out)
}

func (p *project) report() projectReport {
	s := p.feed.loader.Status()
	out := projectReport{
		Name:      p.Name,
		Host:      p.Host,
		State:     s.State.String(),
		Source:    s.Source.String(),
		Leader:    p.feed.fleet == nil || s.Role == flagcache.RoleLeader,
		Role:      s.Role,
		LedBy:     s.Leader,
		Epoch:     s.Position.Epoch,
		Seq:       s.Position.Seq,
		Flags:     s.Flags,
		Expired:   p.feed.expired(),
		Upstream:  upstreamReport{Full: s.Full, NotModified: s.NotModified, Failed: s.Failed},
		Remote:    p.Remote,
		RelayKeys: len(p.keys),
	}
	if s.Cause != nil {
		out.Cause = s.Cause.Error()
	}
	if d := p.feed.document(); d != nil {
		out.Revision, out.ETag, out.Bytes, out.AppliedAt = d.revision.String(), p.feed.etag(d), len(d.body), &d.adopted
		if !s.CheckedAt.IsZero() {
			age := s.Age.Seconds()
			out.AgeSeconds = &age
		}
	}
	if p.feed.fleet == nil {
		out.Latest = out.Revision
		return out
	}
	out.Signing = p.signatures()
	out.Published = p.feed.publication()
	f := p.feed.fleet.Status()
	out.Latest = s.Latest.String()
	if pin := s.Pin; pin.Exists() {
		out.Source = loader.FromStore.String() // whoever leads: upstream has served another since
		out.Pin = &pinReport{pin.By, pin.Why, pin.At}
	}
	n := f.Counters
	out.Upstream.Failure = string(f.Failure)
	if !f.NotBefore.IsZero() {
		out.Upstream.NotBefore = &f.NotBefore
	}
	out.Store = &storeReport{
		Tenures: n.Tenures, Saves: n.Saves, Confirms: n.Confirms, Repairs: n.Repairs, Refused: n.Refused,
		Loads: n.Loads, Applied: n.Applied, BadEntries: n.BadEntries, Errors: n.StoreErrors, Hints: n.Hints,
	}
	if err := cmp.Or(s.StoreErr, f.StoreErr); err != nil {
		out.Store.Error = err.Error()
	}
	return out
}
