package ledgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// view reads the record, and an entry of it; see read.
func (s *Store) view(ctx context.Context, name string, pick picker, whole bool) (r *record, e *flagcache.Entry, err error) {
	if err = ctx.Err(); err == nil {
		err = s.medium.View(ctx, func(v Reader) (err error) {
			r, e, err = read(v, pick, whole)
			return err
		})
	}
	if hurt, ok := errors.AsType[*damage](err); ok {
		err = s.mend(ctx, hurt, pick)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s in %s: %w", name, s.name, err)
	}
	return r, e, nil
}

// mend sets aside what a reader found damaged, unless somebody has already. It
// always returns an error: what was read is of no use.
func (s *Store) mend(ctx context.Context, found *damage, pick picker) error {
	var told error
	err := s.medium.Update(ctx, func(w Writer) error {
		told = found
		_, _, err := read(w, pick, true)
		if hurt, ok := errors.AsType[*damage](err); ok {
			told, err = hurt.setAside(w)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w; it stays there: %w", found, err)
	}
	return told
}

// picker chooses an entry of a record; nil if it has none such.
type picker func(*record) *flagcache.Entry

func current(r *record) *flagcache.Entry { return r.Entry }

// read reads the record, and the entry that pick chooses, with its document if
// the whole is wanted. Without its document an entry is none: the leader will be
// asked for the whole.
func read(v Reader, pick picker, whole bool) (*record, *flagcache.Entry, error) {
	data, err := v.Record()
	for err == nil {
		r, err := decode(data)
		if errors.Is(err, errNewer) {
			return nil, nil, fmt.Errorf("read record: %w", err)
		}
		if err != nil {
			return nil, nil, &damage{why: err}
		}
		chosen := pick(r)
		if chosen == nil {
			return r, nil, nil
		}
		e, err := withDocument(v, chosen, whole)
		if err != nil || e != nil {
			return r, e, err
		}
		// Somebody may have replaced both in between.
		again, err := v.Record()
		if err != nil {
			return nil, nil, err
		}
		if bytes.Equal(data, again) {
			if chosen == r.Entry {
				r.Entry = nil
			}
			return r, nil, nil
		}
		data = again
	}
	return nil, nil, err
}

// withDocument returns nil if the document is not there.
func withDocument(v Reader, e *flagcache.Entry, whole bool) (*flagcache.Entry, error) {
	var body []byte
	var err error
	if whole {
		body, err = v.Document(e.Revision)
	} else {
		_, err = v.Size(e.Revision)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case whole && flagcache.RevisionOf(body) != e.Revision:
		return nil, &damage{revision: e.Revision, why: errors.New("its checksum does not match")}
	}
	full := *e
	full.Body = body
	return &full, nil
}

// damage is something stored that must not be used.
type damage struct {
	revision flagdef.Revision // zero: the record
	why      error
}

func (d *damage) Error() string {
	what := "the record"
	if !d.revision.IsZero() {
		what = "document " + d.revision.Short()
	}
	return fmt.Sprintf("%s is damaged: %v", what, d.why)
}

// Is makes damage an entry that is left alone.
func (d *damage) Is(target error) bool { return target == flagcache.ErrBadEntry }

// setAside puts it out of the way, which lets the next save repair it, and
// returns what is to be told.
func (d *damage) setAside(w Writer) (told, err error) {
	where, err := w.SetAside(d.revision)
	if err != nil {
		return nil, fmt.Errorf("%w; it stays there: %w", d, err)
	}
	if where == "" {
		where = "removed"
	} else {
		where = "kept as " + where
	}
	return fmt.Errorf("%w; %s, and the leader stores it again", d, where), nil
}
