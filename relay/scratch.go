package relay

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/hogflags/hogflags/rules"
)

// scratch is memory that a request for flags needs while it is answered.
type scratch struct {
	answers []rules.Answer
	body    []byte
	subject []byte // by which answers are told apart
}

// maxScratch is how much of it is kept for the next request, in bytes and in
// flags.
const (
	maxScratchBytes = 256 << 10
	maxScratchFlags = 2000
)

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func takeScratch() *scratch { return scratches.Get().(*scratch) }

// free gives the memory back. Nothing of it may be used any more.
func (s *scratch) free() {
	clear(s.answers) // they hold on to their definitions
	if cap(s.body) > maxScratchBytes || cap(s.subject) > maxScratchBytes || cap(s.answers) > maxScratchFlags {
		return
	}
	scratches.Put(s)
}

// read reads a body of at most limit bytes into s, valid until the next use of
// s.body.
func (s *scratch) read(w http.ResponseWriter, req *http.Request, limit int64) ([]byte, error) {
	if n := req.ContentLength; n < 0 || n > maxUpfront {
		return readBody(w, req, limit)
	}
	n := int(req.ContentLength)
	if int64(n) > limit {
		return nil, errTooLarge
	}
	if cap(s.body) < n {
		s.body = make([]byte, 0, max(2*n, 4<<10))
	}
	_, err := io.ReadFull(req.Body, s.body[:n])
	if errors.Is(err, io.EOF) && n == 0 {
		err = nil
	}
	return s.body[:n], err
}
