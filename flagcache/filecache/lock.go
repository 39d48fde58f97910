package filecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// How long to wait between two tries to take the lock. It is held for some
// milliseconds, and a lock that is waited for could not be given up.
const (
	shortestWait = time.Millisecond
	longestWait  = 20 * time.Millisecond
)

// lock keeps every other writer out until unlock, of this process and others.
// The system frees the lock of a process that dies.
func (f *folder) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for wait := shortestWait; ; wait = min(2*wait, longestWait) {
		held, err := f.tryLock()
		if err != nil {
			<-f.turn
			return nil, explain(err)
		}
		if held != nil {
			return func() {
				_ = held.Close() // it cannot stay locked: its file is closed
				<-f.turn
			}, nil
		}
		select {
		case <-ctx.Done():
			<-f.turn
			return nil, fmt.Errorf("wait for the lock, which another process holds: %w", ctx.Err())
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// tryLock returns nil if another holds the lock.
func (f *folder) tryLock() (*flock.Flock, error) {
	l := flock.New(f.path("lock"), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil || !ok {
		_ = l.Close() // nothing is held
		return nil, err
	}
	// Somebody may have removed the file: others would lock a new one.
	mine, err := l.Stat()
	if err == nil {
		var there os.FileInfo
		there, err = os.Stat(f.path("lock"))
		if err == nil && os.SameFile(mine, there) {
			return l, nil
		}
	}
	_ = l.Close() // to be tried again
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return nil, err
}

// explain says what to do about a folder that cannot be written.
func explain(err error) error {
	if errors.Is(err, fs.ErrPermission) || isReadOnly(err) {
		return fmt.Errorf("%w: this process may only read it: attach ReadOnly, or let its user write there", err)
	}
	return err
}
