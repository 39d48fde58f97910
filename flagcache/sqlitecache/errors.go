package sqlitecache

import (
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// explain says what to do about an error of SQLite's.
func explain(path string, err error) error {
	const moveAway = "stop the processes that use it and move %s, %s-wal and %s-shm away; the next start makes a new one"
	const readOnly = "this process may only read it: attach ReadOnly, or let its user write the file and its folder"
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w: %s", err, readOnly)
		}
		return err
	}
	switch e.Code() & 0xff { // the rest says more about the same
	case lib.SQLITE_CORRUPT:
		return fmt.Errorf("%w: the file is damaged: "+moveAway, err, path, path, path)
	case lib.SQLITE_NOTADB:
		return fmt.Errorf("%w: %s is no SQLite database: name another file. If it was one, it is damaged: "+moveAway, err, path, path, path, path)
	case lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return fmt.Errorf("%w: %s", err, readOnly)
	case lib.SQLITE_CANTOPEN:
		return fmt.Errorf("%w: SQLite needs %s-wal and %s-shm beside the file, and makes them where it may write", err, path, path)
	case lib.SQLITE_BUSY:
		return fmt.Errorf("%w: another process holds the database", err)
	case lib.SQLITE_FULL:
		return fmt.Errorf("%w: what was stored before is whole; make room", err)
	}
	return err
}
