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

// view reads the record, and the document if that is wanted.
func (s *Store) view(ctx context.Context, name string, whole bool) (r *record, body []byte, err error) {
	if err = ctx.Err(); err == nil {
		err = s.medium.View(ctx, func(v Reader) (err error) {
			r, body, err = read(v, whole)
			return err
		})
	}
	if hurt, ok := errors.AsType[*damage](err); ok {
		err = s.mend(ctx, hurt)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s in %s: %w", name, s.name, err)
	}
	return r, body, nil
}

// mend sets aside what a reader found damaged, unless somebody has already. It
// always returns an error: what was read is of no use.
func (s *Store) mend(ctx context.Context, found *damage) error {
	var told error
	err := s.medium.Update(ctx, func(w Writer) error {
		told = found
		_, _, err := read(w, true)
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

// read reads the record, and the document if it is wanted. Without its document
// an entry is none: the leader will be asked for the whole.
func read(v Reader, whole bool) (*record, []byte, error) {
	data, err := v.Record()
	for err == nil {
		r, err := decode(data)
		if errors.Is(err, errNewer) {
			return nil, nil, fmt.Errorf("read record: %w", err)
		}
		if err != nil {
			return nil, nil, &damage{why: err}
		}
		if r.Entry == nil {
			return r, nil, nil
		}
		body, found, err := document(v, r.Entry.Revision, whole)
		if err != nil || found {
			return r, body, err
		}
		// Somebody may have replaced both in between.
		again, err := v.Record()
		if err != nil {
			return nil, nil, err
		}
		if bytes.Equal(data, again) {
			r.Entry = nil
			return r, nil, nil
		}
		data = again
	}
	return nil, nil, err
}

func document(v Reader, rev flagdef.Revision, whole bool) (body []byte, found bool, err error) {
	if !whole {
		found, err = v.Has(rev)
		return nil, found, err
	}
	body, err = v.Document(rev)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case flagcache.RevisionOf(body) != rev:
		return nil, false, &damage{revision: rev, why: errors.New("its checksum does not match")}
	}
	return body, true, nil
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
