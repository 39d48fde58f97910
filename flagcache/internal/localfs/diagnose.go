package localfs

import (
	"fmt"

	"github.com/hogflags/hogflags/flagcache"
)

// scarce is the free space below which the next large document may not fit.
const scarce = 128 << 20

// Diagnose looks at the file system of a path.
func Diagnose(path string) []flagcache.Finding {
	const check = "file system"
	info, err := Stat(path)
	switch {
	case err != nil:
		return []flagcache.Finding{{Check: check, Severity: flagcache.SeverityError, Message: err.Error(), Fix: "name a path that exists and that this user may enter"}}
	case info.Kind == "":
		return []flagcache.Finding{{Check: check, Severity: flagcache.SeverityNote, Message: "its kind cannot be told on this system", Fix: "make sure that it is a local disk"}}
	case info.Network:
		return []flagcache.Finding{{Check: check, Severity: flagcache.SeverityError, Message: "a network file system, " + info.Kind, Fix: "use a local disk, or Redis or Postgres for several hosts"}}
	}
	found := []flagcache.Finding{{Check: check, Severity: flagcache.SeverityOK, Message: info.Kind}}
	if info.Kind == "fuse" || info.Kind == "9p" {
		found[0].Severity = flagcache.SeverityNote
		found[0].Message += ", which may be shared with another host or system: locks may not hold there"
		found[0].Fix = "make sure that it is a disk of this host alone"
	}
	if info.Kind == "tmpfs" {
		found[0].Severity = flagcache.SeverityNote
		found[0].Message += ": the definitions are gone after a restart of the host"
	}
	space := flagcache.Finding{Check: "free space", Severity: flagcache.SeverityOK, Message: fmt.Sprintf("%d MB", info.Free>>20)}
	if info.Free < scarce {
		space.Severity = flagcache.SeverityWarning
		space.Fix = "make room: on a full disk new definitions are not stored, and the old ones stay"
	}
	return append(found, space)
}
