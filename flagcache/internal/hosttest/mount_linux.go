package hosttest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// smallDisk mounts a disk of 1 MB, which takes root.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no small disk can be mounted: %v", err)
	}
	t.Cleanup(func() { unmount(t, dir) })
	return dir
}

// readOnlyView is a folder with the content of dir in which nothing can be
// written while it is protected. Root, who may write everywhere, gets a mount
// that always is, while dir stays as it was.
func readOnlyView(t *testing.T, dir string) (view string, protect func(bool)) {
	t.Helper()
	if os.Getuid() != 0 {
		return permit(t, dir)
	}
	view = filepath.Join(t.TempDir(), "view")
	if err := os.Mkdir(view, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(dir, view, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("root may write everywhere, and nothing can be mounted: %v", err)
	}
	t.Cleanup(func() { unmount(t, view) })
	if err := syscall.Mount("", view, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("root may write everywhere, and nothing can be mounted: %v", err)
	}
	return view, func(bool) {}
}

func unmount(t *testing.T, dir string) {
	if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
		t.Errorf("unmount: %v", err)
	}
}
