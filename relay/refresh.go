package relay

import (
	"context"
	"net/http"
	"time"
)

const (
	refreshPath    = "/refresh"
	refreshTimeout = 15 * time.Second
)

// refreshReport is the JSON of /refresh.
type refreshReport struct {
	Projects []refreshed `json:"projects"`
}

type refreshed struct {
	Name     string `json:"name"`
	Revision string `json:"revision"` // served now; empty if there is none
	Changed  bool   `json:"changed"`  // it is another than before
	Error    string `json:"error,omitempty"`
}

// refresh asks PostHog for definitions now, for operators and for webhooks: what
// a request holds beside its key and the parameter project does not matter. It
// answers when what PostHog said is served.
func (r *Relay) refresh(w http.ResponseWriter, req *http.Request, s *registry) {
	w.Header().Set("Cache-Control", "no-store")
	presented := bearer(req.Header.Get("Authorization"))
	key := hashOf([]byte(presented))
	switch {
	case req.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case len(s.operators) == 0:
		writeText(w, http.StatusForbidden, "This relay has no operator key.\n")
		return
	case presented == "" || !s.operators.has(&key):
		w.Header().Set("WWW-Authenticate", "Bearer")
		writeText(w, http.StatusUnauthorized, "Want an operator key, as Authorization: Bearer.\n")
		return
	case !r.limits.allowKey(&key):
		rateLimited(w)
		return
	}
	var chosen []*project
	name := req.URL.Query().Get("project")
	for _, p := range s.projects {
		if name == "" || p.Name == name {
			chosen = append(chosen, p)
		}
	}
	if len(chosen) == 0 {
		writeText(w, http.StatusNotFound, "There is no project of that name.\n")
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), refreshTimeout)
	defer cancel()
	out := refreshReport{Projects: make([]refreshed, len(chosen))}
	results := make(chan int)
	for i, p := range chosen {
		go func() {
			out.Projects[i] = r.refreshProject(ctx, p)
			results <- i
		}()
	}
	status := http.StatusOK
	for range chosen {
		if out.Projects[<-results].Error != "" {
			status = http.StatusBadGateway
		}
	}
	r.deps.log.Info("refreshed by an operator", "projects", len(chosen), "status", status)
	writeJSON(w, status, out)
}

// refreshProject refreshes a project, and once more if another feed took over
// meanwhile: what the former one had learned was not served any more.
func (r *Relay) refreshProject(ctx context.Context, p *project) refreshed {
	for {
		out := p.refresh(ctx)
		if !p.feed.replaced() || ctx.Err() != nil {
			return out
		}
		r.mu.Lock() // until the configuration is replaced, or has been refused
		next := r.current.Load().byToken[p.Token]
		r.mu.Unlock()
		if next == nil {
			return out
		}
		p = next
	}
}

func (p *project) refresh(ctx context.Context) refreshed {
	out := refreshed{Name: p.Name}
	before := p.feed.document()
	if err := p.feed.loader.Reload(ctx); err != nil {
		out.Error = err.Error()
	}
	if d := p.feed.document(); d != nil {
		out.Revision = d.revisionText
		out.Changed = before == nil || before.revision != d.revision
	}
	return out
}
