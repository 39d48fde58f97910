// Package localfs says what file system a path is on: a store that relies on
// locks and on one clock belongs on a disk of its own host.
package localfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Info describes a file system.
type Info struct {
	Kind    string // as the system calls it: "ext", "tmpfs", "nfs"; "" where that cannot be told
	Network bool   // other hosts may have it, too
	Free    uint64 // bytes that this user may still write; 0 with Kind "" means nothing
}

// Stat looks up the file system of a path, or of the nearest folder above it
// that exists.
func Stat(path string) (Info, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Info{}, err
	}
	for {
		_, err := os.Stat(path)
		if err == nil {
			return stat(path)
		}
		above := filepath.Dir(path)
		if !errors.Is(err, fs.ErrNotExist) || above == path {
			return Info{}, err
		}
		path = above
	}
}

// Check is an error if path is on a network file system. Where that cannot be
// told it is nil.
func Check(path string) error {
	info, err := Stat(path)
	if err == nil && info.Network {
		return fmt.Errorf("%s is on a network file system (%s), where locks and clocks of several hosts meet: use a folder on a local disk, or Redis or Postgres for several hosts", path, info.Kind)
	}
	return nil
}
