//go:build unix

package sqlitecache_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestDiagnose(t *testing.T) {
	path, s, _, _ := stored(t)
	diagnose := func() string {
		var lines []string
		for _, f := range s.Diagnose(t.Context()) {
			lines = append(lines, fmt.Sprintf("%s %s: %s -> %s", f.Severity, f.Check, f.Message, f.Fix))
		}
		return strings.Join(lines, "\n")
	}
	if got := diagnose(); !strings.Contains(got, "ok writing: ") || !strings.Contains(got, "ok soundness: ") || strings.Contains(got, "permissions") {
		t.Errorf("a good database: got\n%s", got)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := diagnose(); !strings.Contains(got, "warning permissions: other users may write") {
		t.Errorf("a database for all to write: got\n%s", got)
	}
}
