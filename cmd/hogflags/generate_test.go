package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A file that is up to date is not written again, so that nothing is built anew.
func TestGenerateKeepsTheFile(t *testing.T) {
	out := filepath.Join(t.TempDir(), "flags.go")
	generate := func(definitions string) {
		t.Helper()
		var printed bytes.Buffer
		std := console{in: strings.NewReader(definitions), out: &printed, err: &printed}
		if code := run([]string{"generate", "--definitions", "-", "--package", "flags", "--out", out}, std); code != exitOK || printed.Len() > 0 {
			t.Fatalf("exit code %d: %s", code, printed.String())
		}
	}
	written := func() bool {
		t.Helper()
		info, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		return !info.ModTime().Equal(time.Unix(0, 0))
	}
	generate(`{"flags":[{"key":"a","active":true,"filters":{}}]}`)
	if err := os.Chtimes(out, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	generate(`{"flags":[{"key":"a","active":false,"filters":{}}]}`)
	if written() {
		t.Error("a file that did not change was written")
	}
	generate(`{"flags":[{"key":"b","active":true,"filters":{}}]}`)
	if !written() {
		t.Error("a file that changed was not written")
	}
}
