package localfs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func stat(path string) (Info, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Info{}, fmt.Errorf("statfs %s: %w", path, err)
	}
	return Info{
		Kind:    unix.ByteSliceToString(s.Fstypename[:]),
		Network: s.Flags&unix.MNT_LOCAL == 0,
		Free:    s.Bavail * uint64(s.Bsize),
	}, nil
}
