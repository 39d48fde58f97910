// Package filecache keeps flag definitions in a folder, for the processes of
// one host.
//
// Each scope has a small record and a document, which are replaced in one step
// each, and a lock file that one writer holds at a time. Readers take no lock.
// See docs/stores/file.md for what is guaranteed.
package filecache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/ledgerstore"
	"github.com/hogflags/hogflags/flagcache/internal/localfs"
)

// Store is a [flagcache.Store] and [flagcache.Watcher]. It is safe for
// concurrent use, by many processes of one host, and needs no closing.
type Store struct {
	*ledgerstore.Watched
	folder *folder
}

var (
	_ flagcache.Store   = (*Store)(nil)
	_ flagcache.Watcher = (*Store)(nil)
)

// New returns a store for scope in the folder at path, and makes that folder,
// though not those above it, if it is missing. It refuses a network file
// system. Who may only read the folder may attach to it ReadOnly.
func New(path string, scope flagcache.Scope) (*Store, error) {
	if err := scope.Validate(); err != nil {
		return nil, fmt.Errorf("open file store: %w", err)
	}
	path, err := filepath.Abs(path)
	if err == nil {
		err = prepare(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open file store: %w", err)
	}
	f := newFolder(path, scope.Key())
	return &Store{ledgerstore.NewWatched("the folder "+path, scope, f), f}, nil
}

// checkFS is a variable for the tests alone: they have no network file system.
var checkFS = localfs.Check

func prepare(path string) error {
	if err := checkFS(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		err = os.Mkdir(path, 0o700)
		if errors.Is(err, os.ErrExist) {
			err = nil // another process was faster
		}
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("the folder above %s does not exist: make it, or name another", path)
		}
		return err
	}
	if err == nil && !info.IsDir() {
		return fmt.Errorf("%s is no folder: name one for the store, which it makes if it is missing", path)
	}
	return err
}

// Open opens by URL: file:PATH, absolute or relative to the working directory,
// or file:///PATH.
func Open(rawURL string, scope flagcache.Scope) (*Store, error) {
	path, err := localfs.Path("file", rawURL)
	if err != nil {
		return nil, fmt.Errorf("open file store: %w", err)
	}
	return New(path, scope)
}

// Close does nothing: no file stays open between two steps.
func (*Store) Close() error { return nil }
