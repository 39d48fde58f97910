// Package atomicfile replaces files in one step: whoever reads one, also after a
// crash of the machine, finds its old content or the new one, whole.
package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Write makes data the content of the file at path, which only its user may
// read. After an error the file is as it was. What is being written stands
// beside it as path.*.tmp, and stays there if the process is killed. ctx bounds
// what [Rename] waits for.
func Write(ctx context.Context, path string, data []byte) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temp.Close()
			_ = os.Remove(temp.Name())
		}
	}()
	if _, err = temp.Write(data); err != nil {
		return err
	}
	if err = temp.Sync(); err != nil {
		return err
	}
	if err = temp.Close(); err != nil {
		return err
	}
	return Rename(ctx, temp.Name(), path)
}

// Rename gives a file another name in its folder, in place of what has that
// name. Windows does not replace a file that somebody is just reading: there it
// is tried again until ctx ends.
func Rename(ctx context.Context, from, to string) error {
	for {
		err := os.Rename(from, to)
		if err == nil {
			return syncFolder(filepath.Dir(to))
		}
		if runtime.GOOS != "windows" || !errors.Is(err, fs.ErrPermission) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// syncFolder makes a new name survive a crash of the machine.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
