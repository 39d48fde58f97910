package relay

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// livez says that the process runs.
func (r *Relay) livez(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "alive\n") }

// readyz says whether definitions are served. Stale ones are: a relay that goes
// unready with its upstream would take the fleet down with it.
func (r *Relay) readyz(w http.ResponseWriter, _ *http.Request) {
	switch {
	case r.stopping.Load():
		writeText(w, http.StatusServiceUnavailable, "not ready: stopping\n")
	case r.served.Load() == nil:
		writeText(w, http.StatusServiceUnavailable, "not ready: "+reason(r.coordinator.Status())+"\n")
	default:
		writeText(w, http.StatusOK, "ready\n")
	}
}

// reason is why there are no definitions yet.
func reason(s flagcache.Status) string {
	switch {
	case s.StoreErr != nil:
		return fmt.Sprintf("the store cannot be used: %v", s.StoreErr)
	case s.Failure != "":
		return fmt.Sprintf("upstream could not be read: %s", s.Failure)
	case s.Counters.BadEntries > 0:
		return "the stored definitions cannot be used"
	case s.Leader != "" && s.Role != flagcache.RoleLeader:
		return "waiting for the definitions of " + s.Leader
	}
	return "no definitions yet"
}

// report is the JSON of /status. It holds no secrets.
type report struct {
	State      string         `json:"state"`  // empty, current, stale, closed
	Source     string         `json:"source"` // none, store, upstream
	Cause      string         `json:"cause,omitempty"`
	Leader     bool           `json:"leader"`
	Role       flagcache.Role `json:"role"`
	LedBy      string         `json:"led_by,omitempty"`
	Epoch      uint64         `json:"epoch"`
	Seq        uint64         `json:"seq"`
	Revision   string         `json:"revision"`
	ETag       string         `json:"etag"`
	Latest     string         `json:"latest"` // the newest revision that is known: another only under a pin
	Pin        *pinReport     `json:"pin"`    // null if the latest is served
	Bytes      int            `json:"bytes"`
	AppliedAt  *time.Time     `json:"applied_at"`  // null until definitions are served
	AgeSeconds *float64       `json:"age_seconds"` // since upstream confirmed them; null if not known
	Upstream   upstreamReport `json:"upstream"`
	Store      storeReport    `json:"store"`
}

type pinReport struct {
	By  string    `json:"by"`
	Why string    `json:"why"`
	At  time.Time `json:"at"`
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
	writeJSON(w, http.StatusOK, r.report(time.Now()))
}

func (r *Relay) report(now time.Time) report {
	s := r.coordinator.Status()
	n := s.Counters
	out := report{
		State:    r.state(s, now),
		Source:   "none",
		Leader:   s.Role == flagcache.RoleLeader,
		Role:     s.Role,
		LedBy:    s.Leader,
		Upstream: upstreamReport{Full: n.Full, NotModified: n.NotModified, Failed: n.Failed, Failure: string(s.Failure)},
		Store: storeReport{
			Tenures: n.Tenures, Saves: n.Saves, Confirms: n.Confirms, Repairs: n.Repairs, Refused: n.Refused,
			Loads: n.Loads, Applied: n.Applied, BadEntries: n.BadEntries, Errors: n.StoreErrors, Hints: n.Hints,
		},
	}
	if out.State != "current" {
		out.Cause = r.cause(s)
	}
	if !s.NotBefore.IsZero() {
		out.Upstream.NotBefore = &s.NotBefore
	}
	if s.StoreErr != nil {
		out.Store.Error = s.StoreErr.Error()
	}
	d := r.served.Load()
	if d == nil {
		return out
	}
	out.Source = "upstream"
	if s.Position != (flagcache.Position{}) || s.Pin.Exists() {
		out.Source = "store"
	}
	out.Latest = s.Latest.String()
	if p := s.Pin; p.Exists() {
		out.Pin = &pinReport{p.By, p.Why, p.At}
	}
	out.Epoch, out.Seq = s.Position.Epoch, s.Position.Seq
	out.Revision, out.ETag, out.Bytes, out.AppliedAt = d.revision.String(), d.etag, len(d.body), &d.applied
	if !s.ConfirmedAt.IsZero() {
		age := max(0, now.Sub(s.ConfirmedAt)).Seconds()
		out.AgeSeconds = &age
	}
	return out
}

// state is the life of the definitions, in the words of the library's loader.
func (r *Relay) state(s flagcache.Status, now time.Time) string {
	switch {
	case r.stopping.Load() || s.Role == flagcache.RoleStopped:
		return "closed"
	case r.served.Load() == nil:
		return "empty"
	case s.Failure != "", !s.ConfirmedAt.IsZero() && now.Sub(s.ConfirmedAt) > 3*r.interval:
		return "stale"
	}
	return "current"
}

func (r *Relay) cause(s flagcache.Status) string {
	switch {
	case r.stopping.Load():
		return "stopping"
	case r.served.Load() != nil && s.StoreErr == nil && s.Failure == "":
		return "upstream has not confirmed them for three intervals"
	}
	return reason(s)
}

func writeText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // an error: the client has gone
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		writeText(w, http.StatusInternalServerError, "An internal server error occurred")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
