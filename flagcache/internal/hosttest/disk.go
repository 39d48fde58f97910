//go:build unix

package hosttest

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func noTest() context.Context { return context.Background() }

// testFullDisk fills a small disk: what was stored stays whole, and the next
// save goes through when there is room again.
func testFullDisk(t *testing.T, open Open) {
	dir := smallDisk(t)
	s := opened(t, open, dir)
	c := mustLead(t, s)
	e := entry(c, 1, 100<<10)
	mustSave(t, s, c, e)

	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	_, err := s.Save(t.Context(), c, entry(c, 2, 300<<10))
	if err == nil {
		t.Fatal("saved on a full disk")
	}
	t.Logf("on a full disk: %v", err)
	wantStored(t, s, e)
	wantStored(t, opened(t, open, dir), e)

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	next := entry(c, 2, 300<<10)
	mustSave(t, s, c, next)
	wantStored(t, s, next)
}

func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for size := 64 << 10; size > 0; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// testFileTooLarge has a process save more than the system lets it write.
func testFileTooLarge(t *testing.T, open Open) {
	dir := t.TempDir()
	s := opened(t, open, dir)
	c := mustLead(t, s)
	e := entry(c, 1, 1<<10)
	mustSave(t, s, c, e)
	child := start(t, "limited", dir)
	if !child.lines.Scan() || !strings.HasPrefix(child.lines.Text(), "refused") {
		t.Errorf("a process that may not write so much said %q %s", child.lines.Text(), child.err)
	}
	child.wait(t)
	got, err := s.Load(t.Context())
	if err != nil || got.Verify(scope) != nil || got.Position != e.Position {
		t.Errorf("stored %+v, %v, want what was stored before", got, err)
	}
	c = mustLead(t, s)
	next := entry(c, 1, 2<<20)
	mustSave(t, s, c, next)
	wantStored(t, s, next)
}

// limited tries to save 2 MB, and may write files of 1 MB.
func limited(s Store, _ string) error {
	signal.Ignore(syscall.SIGXFSZ)
	c, err := lead(noTest(), s, "limited")
	if err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}); err != nil {
		return err
	}
	if _, err := s.Save(noTest(), c, entry(c, 1, 2<<20)); err != nil {
		fmt.Println("refused:", err)
		return nil
	}
	fmt.Println("saved")
	return nil
}

// testReadOnly attaches where nothing can be written: it reads and is told of
// changes, and whoever wants to write is told what is wrong.
func testReadOnly(t *testing.T, open Open) {
	dir := t.TempDir()
	s := opened(t, open, dir)
	c := mustLead(t, s)
	first := entry(c, 1, 100)
	mustSave(t, s, c, first)
	if err := s.Close(); err != nil { // nobody else has it open
		t.Fatal(err)
	}
	view, protect := readOnlyView(t, dir)
	protect(true)
	reader := opened(t, open, view)
	wantStored(t, reader, first)

	hints := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- reader.Watch(ctx, func() {
			select {
			case hints <- struct{}{}:
			default:
			}
		})
	}()
	<-hints
	protect(false)
	writer := start(t, "once", dir) // SQLite does not tell two views apart within a process
	writer.lines.Scan()
	writer.wait(t)
	select {
	case <-hints:
	case <-time.After(time.Minute):
		t.Error("a reader was not told of a change")
	}
	if e, err := reader.Load(t.Context()); err != nil || e.String() != writer.lines.Text() {
		t.Errorf("the reader sees %v, %v, want %s", e, err, writer.lines.Text())
	}
	protect(true)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("watch: %v", err)
	}

	_, err := lead(t.Context(), reader, "reader")
	if err == nil || !strings.Contains(err.Error(), "ReadOnly") {
		t.Errorf("acquire where nothing can be written: %v, want it to say what to do", err)
	}
}

// once saves once, and says under which number.
func once(s Store, _ string) error {
	c, err := lead(noTest(), s, "once")
	if err != nil {
		return err
	}
	e := entry(c, 1, 100)
	fmt.Println(e.Position)
	_, err = s.Save(noTest(), c, e)
	return err
}

// permit is readOnlyView for a user whom permissions bind.
func permit(t *testing.T, dir string) (view string, protect func(bool)) {
	return dir, func(on bool) {
		t.Helper()
		var folders []string
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				folders = append(folders, path)
				return os.Chmod(path, 0o700)
			}
			if err == nil && on {
				return os.Chmod(path, 0o400)
			}
			if err == nil {
				return os.Chmod(path, 0o600)
			}
			return err
		})
		for _, folder := range folders {
			if on && err == nil {
				err = os.Chmod(folder, 0o500)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if on {
			t.Cleanup(func() {
				for _, folder := range folders {
					_ = os.Chmod(folder, 0o700)
				}
			})
		}
	}
}
