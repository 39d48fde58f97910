package relay

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// heartbeat keeps proxies from closing a stream on which nothing happens,
	// and finds out who has gone.
	heartbeat = 15 * time.Second

	// streamPatience is for a subscriber to take what is sent. Who does not is
	// cut off, and comes back with what it saw last.
	streamPatience = 5 * time.Second

	// maxStreams bounds a relay's subscribers, and so their memory.
	maxStreams = 20_000

	changesPath = "/hogflags/v1/changes"

	// changesHeader says of definitions that there is a stream of their changes.
	changesHeader = "X-Hogflags-Changes"
)

// changes is the stream for hogflags clients, for whom may read the definitions.
func (r *Relay) changes(w http.ResponseWriter, req *http.Request, s *registry) {
	if req.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	c := s.call(req, req.URL.Query().Get("token"))
	if !r.mayRead(w, req, s, &c) {
		return
	}
	r.stream(w, req, c.project, "", func(d *document) []byte {
		return []byte("event: change\ndata: {\"revision\":\"" + d.revisionText + "\"}\n")
	})
}

// ofrepEvents is OFREP's stream, for who knows the project's token.
func (r *Relay) ofrepEvents(w http.ResponseWriter, req *http.Request, s *registry) {
	c, ok := s.ofrepCall(req)
	if p := s.byToken[req.URL.Query().Get("token")]; p != nil { // browsers cannot send a header
		c, ok = caller{project: p}, true
	}
	switch {
	case !ok:
		w.Header().Set("WWW-Authenticate", "Bearer")
		writeJSON(w, http.StatusUnauthorized, ofrepError{Details: "want the project's token, as the parameter token"})
		return
	case c.keyed && !r.limits.allowKey(&c.key):
		ofrepLimited(w)
		return
	}
	r.stream(w, req, c.project, req.URL.Query().Get("since"), func(d *document) []byte {
		b := []byte(`event: message` + "\n" + `data: {"type":"refetchEvaluation","etag":"\"` + d.revisionText + `\"","lastModified":`)
		return append(strconv.AppendInt(b, d.adopted.Unix(), 10), "}\n"...)
	})
}

// stream tells a subscriber of each change until one side ends it. What it has
// seen is the id of the last event; without one it is told of what is served
// now. Changes that come faster than it reads become one: nothing is queued.
func (r *Relay) stream(w http.ResponseWriter, req *http.Request, p *project, seen string, event func(*document) []byte) {
	if last := req.Header.Get("Last-Event-ID"); last != "" {
		seen = last
	}
	if n := r.streams.Add(1); n > maxStreams || p.feed.document() == nil || r.stopping.Load() {
		r.streams.Add(-1)
		if n > maxStreams {
			r.shedStreams.Add(1)
		}
		w.Header().Set("Retry-After", "1")
		writeText(w, http.StatusServiceUnavailable, textUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	r.subscribers.Add(1) // before the server forgets the connection, which it waits for
	left := func() {
		r.streams.Add(-1)
		r.subscribers.Done()
	}
	conn, ok := takeOver(w, req)
	if !ok {
		defer left()
		r.tell(answering(w, req), p.feed, seen, event)
		return
	}
	feed, seen := p.feed, strings.Clone(seen) // the request is not kept
	go func() {
		defer left()
		s := connected(conn)
		hangUp(conn, s.gone, r.tell(s, feed, seen, event))
	}()
}

// tell tells a subscriber of what is served, if that is not what was seen, and of
// changes. It reports whether the stream ends as it should.
func (r *Relay) tell(s subscriber, f *feed, seen string, event func(*document) []byte) bool {
	if !s.send([]byte("retry: 1000\n\n")) {
		return false
	}
	d := f.document()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		if d.revisionText != seen {
			seen = d.revisionText
			if !s.send(append(append([]byte("id: "+seen+"\n"), event(d)...), '\n')) {
				return false
			}
		}
		select {
		case <-d.replaced:
			d = f.document()
		case <-beat.C:
			if !s.send([]byte(":\n\n")) {
				return false
			}
		case <-f.ended:
			return true
		case <-r.leaving:
			return true
		case <-s.gone:
			return false
		}
	}
}

// Streams is how many subscribers there are now.
func (r *Relay) Streams() int64 { return r.streams.Load() }

// awaitRevision is the document to answer from for who was told of a revision,
// perhaps by another replica: it waits for one that this replica has not seen
// yet.
func (f *feed) awaitRevision(ctx context.Context, revision string, patience time.Duration) *document {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	d := f.document()
	for {
		if d == nil || d.revisionText == revision || slices.Contains(d.former, revision) {
			return d
		}
		select {
		case <-d.replaced:
			d = f.document()
		case <-timer.C:
			return d
		case <-ctx.Done():
			return d
		case <-f.ended:
			return d
		}
	}
}
