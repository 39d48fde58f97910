package filecache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/localfs"
)

var _ flagcache.Diagnoser = (*Store)(nil)

// Diagnose looks at the folder, its file system, and what was set aside there.
func (s *Store) Diagnose(ctx context.Context) []flagcache.Finding {
	found := localfs.Diagnose(s.folder.dir)
	found = append(found, s.folder.mayWrite(ctx))
	if info, err := os.Stat(s.folder.dir); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		found = append(found, flagcache.Finding{
			Check: "permissions", Severity: flagcache.SeverityWarning,
			Message: fmt.Sprintf("other users may write in %s (%v), and so decide what flags are", s.folder.dir, info.Mode().Perm()),
			Fix:     "chmod 700 " + s.folder.dir,
		})
	}
	damaged, _ := filepath.Glob(s.folder.path("*.damaged"))
	if len(damaged) > 0 {
		found = append(found, flagcache.Finding{
			Check: "damaged files", Severity: flagcache.SeverityWarning,
			Message: fmt.Sprintf("%d set aside, such as %s", len(damaged), damaged[0]),
			Fix:     "check the disk, then remove them",
		})
	}
	return found
}

func (f *folder) mayWrite(ctx context.Context) flagcache.Finding {
	unlock, err := f.lock(ctx)
	if err == nil {
		defer unlock()
		probe := f.path("probe")
		err = writer{f, ctx}.write(probe, nil)
		_ = os.Remove(probe)
	}
	if err != nil {
		return flagcache.Finding{Check: "writing", Severity: flagcache.SeverityWarning, Message: err.Error(), Fix: "give this user the folder, unless it is only to read"}
	}
	return flagcache.Finding{Check: "writing", Severity: flagcache.SeverityOK, Message: "this user may lock and write"}
}
