package localfs

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

func stat(path string) (Info, error) {
	volume := filepath.VolumeName(path)
	root, err := windows.UTF16PtrFromString(strings.TrimSuffix(volume, `\`) + `\`)
	if err != nil {
		return Info{}, fmt.Errorf("look up volume of %s: %w", path, err)
	}
	var info Info
	if strings.HasPrefix(volume, `\\`) && !strings.HasPrefix(volume, `\\?\`) || windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		info = Info{Kind: "network drive", Network: true}
	}
	name := make([]uint16, windows.MAX_PATH+1)
	if err := windows.GetVolumeInformation(root, nil, 0, nil, nil, nil, &name[0], uint32(len(name))); err == nil && info.Kind == "" {
		info.Kind = strings.ToLower(windows.UTF16ToString(name))
	}
	if err := windows.GetDiskFreeSpaceEx(root, &info.Free, nil, nil); err != nil {
		return info, fmt.Errorf("look up free space of %s: %w", path, err)
	}
	return info, nil
}
