package fleettest

import (
	"bytes"
	"errors"
	"sync"

	"github.com/hogflags/hogflags/flagcache"
)

// Sink remembers what it was given. A document without "flags" is bad.
type Sink struct {
	Initial *flagcache.Entry // what it serves before Run

	mu      sync.Mutex
	applied []*flagcache.Entry
	notices []flagcache.Status
}

var errBad = errors.New("no flags in the document")

// Current returns Initial.
func (s *Sink) Current() *flagcache.Entry { return s.Initial }

// Check refuses bad documents.
func (s *Sink) Check(e *flagcache.Entry) error {
	if !bytes.Contains(e.Body, []byte(`"flags"`)) {
		return errBad
	}
	return nil
}

// Apply refuses bad documents and remembers the others.
func (s *Sink) Apply(e *flagcache.Entry) error {
	if err := s.Check(e); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied = append(s.applied, e)
	return nil
}

// Notice remembers the status.
func (s *Sink) Notice(st flagcache.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notices = append(s.notices, st)
}

// Applied returns everything that was applied.
func (s *Sink) Applied() []*flagcache.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*flagcache.Entry(nil), s.applied...)
}

// Body is the document being served, "" if none.
func (s *Sink) Body() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.applied); n > 0 {
		return string(s.applied[n-1].Body)
	}
	if s.Initial != nil {
		return string(s.Initial.Body)
	}
	return ""
}

// Notices returns every status that was told.
func (s *Sink) Notices() []flagcache.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]flagcache.Status(nil), s.notices...)
}
