package dynamocache

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// grace is how long the parts of a document stay that is no longer needed, or
// whose upload came to nothing: longer than any process takes to write a document
// or, having seen the record that names it, to read it.
const grace = time.Hour

// Size is that of a document, as the index has it.
func (s *session) Size(rev flagdef.Revision) (int, error) {
	u, ok, err := s.find(rev)
	if err == nil && !ok {
		err = fs.ErrNotExist
	}
	return u.Bytes, err
}

// Document reads a document.
func (s *session) Document(rev flagdef.Revision) ([]byte, error) {
	u, ok, err := s.find(rev)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fs.ErrNotExist
	}
	body, err := s.table.download(s.ctx, u)
	if errors.Is(err, fs.ErrNotExist) {
		s.lost[u.ID] = true
	}
	return body, err
}

// Commit writes new documents and then, in one step, the record that names them.
func (s *session) Commit(record []byte, documents map[flagdef.Revision][]byte, keep map[flagdef.Revision]bool) error {
	for rev, body := range documents {
		if err := s.store(rev, body); err != nil {
			return err
		}
	}
	next, err := s.next()
	if err != nil {
		return err
	}
	next.record = record
	for rev := range documents {
		if u, ok := s.uploaded[rev]; ok {
			next.adopt(rev, u)
		}
	}
	for rev := range next.index.Documents {
		if !keep[rev] {
			next.retire(rev, s.table.clock.now())
		}
	}
	s.sweep(next)
	return s.put(next)
}

// store uploads a document, unless it is there. The upload is listed first: if
// this process dies in between, another deletes what is left.
func (s *session) store(rev flagdef.Revision, body []byte) error {
	if _, ok, err := s.find(rev); ok || err != nil {
		return err
	}
	if s.pending(rev) {
		return nil // by a former attempt, which somebody else interrupted
	}
	data, err := compress(body)
	if err != nil {
		return err
	}
	u := upload{ID: rand.Text(), Parts: units(len(data), s.table.partSize), Bytes: len(body), Since: s.table.clock.now()}
	next := s.item.clone()
	next.index.Retired = append(next.index.Retired, u)
	if err := s.put(next); err != nil {
		return err
	}
	if err := s.table.upload(s.ctx, u, data); err != nil {
		return err
	}
	s.uploaded[rev] = u
	return nil
}

// pending reports whether this session has uploaded the document, and it is
// still there: nobody deletes it within the grace.
func (s *session) pending(rev flagdef.Revision) bool {
	u, ok := s.uploaded[rev]
	return ok && time.Since(s.began) < s.table.grace/2 && slices.ContainsFunc(s.item.index.Retired, func(r upload) bool { return r.ID == u.ID })
}

// sweep deletes what was retired long ago, one upload at most: a renewal does
// not wait for more. One that cannot be deleted is left for another hour.
func (s *session) sweep(next *item) {
	now := s.table.clock.now()
	for i, u := range next.index.Retired {
		if now.Sub(u.Since) <= s.table.grace {
			continue
		}
		if err := s.table.remove(s.ctx, u); err != nil {
			next.index.Retired[i].Since = now
		} else {
			next.index.Retired = slices.Delete(next.index.Retired, i, i+1)
		}
		return
	}
}

// SetAside removes what is damaged: DynamoDB keeps no rubbish for people to look
// at.
func (s *session) SetAside(rev flagdef.Revision) (string, error) {
	next, err := s.next()
	if err != nil {
		return "", err
	}
	now := s.table.clock.now()
	if rev.IsZero() {
		next.record = nil
		for rev := range next.index.Documents {
			next.retire(rev, now)
		}
	} else {
		next.retire(rev, now)
	}
	return "", s.put(next)
}
