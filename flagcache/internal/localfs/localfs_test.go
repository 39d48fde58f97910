package localfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/localfs"
)

func TestStat(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "not", "there")
	for _, path := range []string{dir, missing} {
		info, err := localfs.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS == "linux" && (info.Kind == "" || info.Free == 0) {
			t.Errorf("%s: %+v, want a kind and free space", path, info)
		}
		if info.Network {
			t.Skipf("the tests run on %s", info.Kind)
		}
		if err := localfs.Check(path); err != nil {
			t.Errorf("check of a local folder: %v", err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := localfs.Stat(filepath.Join(file, "below")); err == nil && runtime.GOOS != "windows" {
		t.Error("a path below a file was looked up")
	}
}

func TestPath(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"file:cache", "cache"},
		{"file:./cache", "./cache"},
		{"file:../a b/c", "../a b/c"},
		{"file:/var/lib/flags", "/var/lib/flags"},
		{"file:///var/lib/flags", "/var/lib/flags"},
		{"file://localhost/var/lib", "/var/lib"},
		{"file:a%20b%3F", "a b?"},
		{"file:", ""},
		{"file://host/var", ""},
		{"file:cache?mode=ro", ""},
		{"file:cache#x", ""},
		{"file:a%zz", ""},
		{"file:a%00", ""},
		{"sqlite:cache", ""},
	} {
		got, err := localfs.Path("file", test.url)
		if got != filepath.FromSlash(test.want) || (err == nil) != (test.want != "") || err != nil && !errors.Is(err, flagcache.ErrURL) {
			t.Errorf("%s: %q, %v, want %q", test.url, got, err, test.want)
		}
	}
}
