// Package sqlitecache keeps flag definitions in an SQLite database, for the
// processes of one host. SQLite is part of the program: there is nothing to
// install.
//
// Each step is one transaction. See docs/stores/sqlite.md for what is
// guaranteed.
package sqlitecache

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
// concurrent use, by many processes of one host.
type Store struct {
	*ledgerstore.Watched
	db *database
}

var (
	_ flagcache.Store   = (*Store)(nil)
	_ flagcache.Watcher = (*Store)(nil)
)

// New returns a store for scope in the database file at path, and makes that
// file if it is missing. It refuses a network file system, and a file of
// another application. Who may only read the file may attach to it ReadOnly.
func New(path string, scope flagcache.Scope) (*Store, error) {
	if err := scope.Validate(); err != nil {
		return nil, fmt.Errorf("open sqlite store: %w", err)
	}
	path, err := filepath.Abs(path)
	if err == nil {
		err = prepare(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open sqlite store: %w", err)
	}
	db := &database{path: path, scope: scope.Key()}
	if _, err := db.pools(); err != nil {
		return nil, fmt.Errorf("open sqlite store: %w", err)
	}
	return &Store{ledgerstore.NewWatched("the database "+path, scope, db), db}, nil
}

// Close closes the database. Call it once nobody uses the store.
func (s *Store) Close() error { return s.db.close() }

// checkFS is a variable for the tests alone: they have no network file system.
var checkFS = localfs.Check

// prepare makes the file, for its user alone: SQLite would let others read it.
func prepare(path string) error {
	if err := checkFS(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("the folder of %s does not exist: make it, or name another", path)
		}
		if err != nil {
			return err
		}
		return file.Close()
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file: name one for the database, which is made if it is missing", path)
	}
	return nil
}

// Open opens by URL: sqlite:PATH, absolute or relative to the working
// directory, or sqlite:///PATH.
func Open(rawURL string, scope flagcache.Scope) (*Store, error) {
	path, err := localfs.Path("sqlite", rawURL)
	if err != nil {
		return nil, fmt.Errorf("open sqlite store: %w", err)
	}
	return New(path, scope)
}
