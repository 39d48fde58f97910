//go:build unix

package filecache_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiagnose(t *testing.T) {
	s, _, _ := stored(t)
	diagnose := func() string {
		var lines []string
		for _, f := range s.Diagnose(t.Context()) {
			lines = append(lines, fmt.Sprintf("%s %s: %s -> %s", f.Severity, f.Check, f.Message, f.Fix))
		}
		return strings.Join(lines, "\n")
	}
	dir := filepath.Dir(s.RecordFile())
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := diagnose(); !strings.Contains(got, "ok writing: ") || strings.Contains(got, "permissions") || strings.Contains(got, "error") {
		t.Errorf("a good folder: got\n%s", got)
	}
	if after, err := os.ReadDir(dir); err != nil || len(after) != len(before) {
		t.Errorf("%d files after %d, %v", len(after), len(before), err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.RecordFile()+".damaged", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := diagnose()
	for _, want := range []string{"warning permissions: other users may write", "chmod 700 " + dir, "warning damaged files: 1 set aside"} {
		if !strings.Contains(got, want) {
			t.Errorf("a bad folder: got\n%s\nwant %q", got, want)
		}
	}
}
