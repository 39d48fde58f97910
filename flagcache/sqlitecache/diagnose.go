package sqlitecache

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/localfs"
)

var _ flagcache.Diagnoser = (*Store)(nil)

// Diagnose looks at the file, its file system, and whether its pages are sound.
func (s *Store) Diagnose(ctx context.Context) []flagcache.Finding {
	found := localfs.Diagnose(s.db.path)
	add := func(check string, bad flagcache.Severity, err error, good, fix string) {
		f := flagcache.Finding{Check: check, Severity: flagcache.SeverityOK, Message: good}
		if err != nil {
			f = flagcache.Finding{Check: check, Severity: bad, Message: err.Error(), Fix: fix}
		}
		found = append(found, f)
	}
	p, err := s.db.pools()
	if err != nil {
		add("opening", flagcache.SeverityError, err, "", "see the message")
		return found
	}
	// A reserved lock is as far as it goes without changing anything.
	err = patiently(ctx, func() error {
		tx, err := p.writes.BeginTx(ctx, nil)
		if err == nil {
			err = tx.Rollback()
		}
		return err
	})
	add("writing", flagcache.SeverityWarning, explain(s.db.path, err), "this user may lock and write", "give this user the file and its folder, unless it is only to read")

	var report string
	err = p.reads.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&report)
	if err == nil && report != "ok" {
		err = fmt.Errorf("the file is damaged: %s", report)
	}
	add("soundness", flagcache.SeverityError, explain(s.db.path, err), "SQLite finds every page sound",
		fmt.Sprintf("stop the processes that use it and move %s, %s-wal and %s-shm away", s.db.path, s.db.path, s.db.path))

	if info, err := os.Stat(s.db.path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		found = append(found, flagcache.Finding{
			Check: "permissions", Severity: flagcache.SeverityWarning,
			Message: fmt.Sprintf("other users may write %s (%v), and so decide what flags are", s.db.path, info.Mode().Perm()),
			Fix:     "chmod 600 " + s.db.path,
		})
	}
	return found
}
