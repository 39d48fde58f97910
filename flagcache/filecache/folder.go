package filecache

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hogflags/hogflags/flagcache/internal/ledgerstore"
	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/internal/atomicfile"
)

// folder is the [ledgerstore.WatchedMedium] of one scope. Its files are
//
//	KEY.record           the record
//	KEY.REVISION.json    a document
//	KEY.lock             what writers lock
//	KEY.….damaged        what was found damaged
//	KEY.….*.tmp          what is being written, or was when its writer was killed
type folder struct {
	dir, key string
	turn     chan struct{} // holds one element while this process writes
}

var (
	_ ledgerstore.WatchedMedium = (*folder)(nil)
	_ ledgerstore.Writer        = writer{}
)

func newFolder(dir, key string) *folder {
	return &folder{dir: dir, key: key, turn: make(chan struct{}, 1)}
}

func (f *folder) path(part string) string { return filepath.Join(f.dir, f.key+"."+part) }

const documentSuffix = ".json"

func (f *folder) documentPath(rev flagdef.Revision) string {
	return f.path(hex.EncodeToString(rev[:]) + documentSuffix)
}

// View reads without the lock: files are replaced whole.
func (f *folder) View(_ context.Context, read func(ledgerstore.Reader) error) error { return read(f) }

// Update reads and writes under the lock.
func (f *folder) Update(ctx context.Context, write func(ledgerstore.Writer) error) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return write(writer{f, ctx})
}

// Watch compares what the system says of the record: replacing it makes it
// another file. Docs/decisions/0006 says why nothing is subscribed to.
func (f *folder) Watch(context.Context) (func(context.Context) (bool, error), func(), error) {
	var last os.FileInfo
	changed := func(context.Context) (bool, error) {
		now, err := os.Stat(f.path("record"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		was := last
		last = now
		if was == nil || now == nil {
			return was != now, nil
		}
		return !os.SameFile(was, now) || !was.ModTime().Equal(now.ModTime()) || was.Size() != now.Size(), nil
	}
	return changed, func() {}, nil
}

// Record reads the record.
func (f *folder) Record() ([]byte, error) {
	data, err := os.ReadFile(f.path("record"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Size is that of a document.
func (f *folder) Size(rev flagdef.Revision) (int, error) {
	info, err := os.Stat(f.documentPath(rev))
	if err != nil {
		return 0, err
	}
	return int(info.Size()), nil
}

// Document reads a document.
func (f *folder) Document(rev flagdef.Revision) ([]byte, error) {
	return os.ReadFile(f.documentPath(rev))
}

// writer holds the lock.
type writer struct {
	*folder
	ctx context.Context
}

// Commit puts the documents in place before the record that names them, and
// removes old ones after it. Whoever is killed in between leaves files that
// nothing names, which the next commit removes.
func (w writer) Commit(record []byte, documents map[flagdef.Revision][]byte, keep map[flagdef.Revision]bool) error {
	for rev, body := range documents {
		_, err := w.Size(rev)
		if errors.Is(err, fs.ErrNotExist) {
			err = w.write(w.documentPath(rev), body)
		}
		if err != nil {
			return err
		}
	}
	if err := w.write(w.path("record"), record); err != nil {
		return err
	}
	if len(documents) > 0 {
		w.sweep(keep)
	}
	return nil
}

// SetAside renames a damaged file.
func (w writer) SetAside(rev flagdef.Revision) (string, error) {
	path := w.path("record")
	if !rev.IsZero() {
		path = w.documentPath(rev)
	}
	aside := path + ".damaged"
	return aside, atomicfile.Rename(w.ctx, path, aside)
}

func (w writer) write(path string, data []byte) error {
	return explain(atomicfile.Write(w.ctx, path, data))
}

// sweep removes documents that nothing names, and what killed writers left. What
// cannot be removed now can be the next time.
func (w writer) sweep(keep map[flagdef.Revision]bool) {
	files, _ := os.ReadDir(w.dir)
	for _, file := range files {
		part, ours := strings.CutPrefix(file.Name(), w.key+".")
		if !ours {
			continue
		}
		if name, ok := strings.CutSuffix(part, documentSuffix); ok {
			var rev flagdef.Revision
			if err := rev.UnmarshalText([]byte(name)); err != nil || rev.IsZero() || keep[rev] {
				continue
			}
		} else if !strings.HasSuffix(part, ".tmp") {
			continue
		}
		_ = os.Remove(filepath.Join(w.dir, file.Name()))
	}
}
