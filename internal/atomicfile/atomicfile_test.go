package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hogflags/hogflags/internal/atomicfile"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{"first", "second, which is longer", ""} {
		if err := atomicfile.Write(t.Context(), path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("file holds %q, %v, want %q", got, err, content)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	alone(t, path)
}

// What cannot take the place of what is there leaves everything as it was.
func TestWrite_fails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(t.Context(), path, []byte("x")); err == nil {
		t.Error("a folder was replaced by a file")
	}
	alone(t, path)
	if err := atomicfile.Write(t.Context(), filepath.Join(path, "no", "file"), nil); !os.IsNotExist(err) {
		t.Errorf("error %v for a folder that is missing", err)
	}
}

// alone checks that nothing else is in the folder of path.
func alone(t *testing.T, path string) {
	t.Helper()
	if files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(files) != 1 {
		t.Errorf("the folder holds %v, %v", files, err)
	}
}
