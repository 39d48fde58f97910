package loader_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

func withFile(path string, log *logs) loader.Config {
	return loader.Config{
		File:         path,
		ProjectToken: posthogtest.ProjectToken,
		Host:         "http://posthog.test",
		Logger:       log.logger(),
	}
}

func TestFileServesARestartDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logs
		path := filepath.Join(t.TempDir(), "flags")
		srv := newServer(t)
		l := ready(t, srv, withFile(path, &log))
		synctest.Wait()
		before := l.Status()
		_ = l.Close()

		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Fatalf("mode %v, %v; want a file only for its owner", info.Mode(), err)
		}
		text, err := os.ReadFile(path)
		if err != nil || !bytes.HasSuffix(text, []byte(documentA)) {
			t.Errorf("the file does not hold the document as it is: %q, %v", text, err)
		}
		if bytes.Contains(text, []byte(posthogtest.ProjectToken)) || bytes.Contains(text, []byte(posthogtest.SecretKey)) {
			t.Errorf("the file holds a key: %q", text)
		}

		time.Sleep(time.Hour)
		srv.Fail(posthogtest.Failure{Status: 503})
		l = start(t, srv, withFile(path, &log))
		if l.Rules() == nil { // at once, before any answer
			t.Fatal("no rules from the file")
		}
		if err := l.Reload(t.Context()); err == nil {
			t.Error("Reload: no error")
		}
		got := l.Status()
		if got.State != loader.Stale || got.Source != loader.File || got.Revision != before.Revision || got.ETag != before.ETag {
			t.Errorf("from the file: %+v", got)
		}
		if !got.CheckedAt.Equal(before.CheckedAt) || got.Age != time.Hour {
			t.Errorf("checked at %v, age %v; want %v and 1h", got.CheckedAt, got.Age, before.CheckedAt)
		}

		srv.Recover()
		if err := l.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		if got := l.Status(); got.NotModified != 1 || got.Full != 0 || got.State != loader.Current || got.Source != loader.FromUpstream {
			t.Errorf("after recovery: %+v; want the file's document confirmed by a 304", got)
		}
	})
}

func TestFileIsWrittenOnlyWhenTheDocumentChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logs
		folder := t.TempDir()
		path := filepath.Join(folder, "flags")
		srv := newServer(t)
		l := ready(t, srv, withFile(path, &log))
		reload := func() os.FileInfo {
			t.Helper()
			if err := l.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			return info
		}
		first := reload()
		if again := reload(); !os.SameFile(first, again) {
			t.Error("written after a 304")
		}
		srv.Fail(posthogtest.Failure{Status: 200, Body: documentA, Times: 1})
		if again := reload(); !os.SameFile(first, again) {
			t.Error("written after a 200 with the same document")
		}
		srv.SetDefinitions([]byte(documentB))
		if changed := reload(); os.SameFile(first, changed) {
			t.Error("not written after a change")
		}
		_ = l.Close()

		third := start(t, srv, withFile(path, &log))
		synctest.Wait()
		if got := third.Status().Revision; got != flagdef.RevisionOf([]byte(documentB)) {
			t.Errorf("the file holds %v, want the changed document", got.Short())
		}
		if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
			t.Errorf("the folder holds %v, %v; want the one file", entries, err)
		}
	})
}

func TestUnusableFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags")
	var good []byte
	synctest.Test(t, func(t *testing.T) {
		var log logs
		ready(t, newServer(t), withFile(path, &log))
		synctest.Wait()
		var err error
		if good, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	})
	write := func(data []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	damaged := bytes.Clone(good)
	damaged[len(damaged)-3] ^= 1
	tests := []struct {
		name   string
		make   func(*testing.T, string)
		change func(*loader.Config)
		want   string
	}{
		{name: "empty", make: write(nil), want: "not a last-known-good file"},
		{name: "something else", make: write([]byte("root:x:0:0\n")), want: "not a last-known-good file"},
		{name: "of a later version", make: write(bytes.Replace(good, []byte("definitions 1"), []byte("definitions 2"), 1)), want: "of this version"},
		{name: "damaged", make: write(damaged), want: "checksum"},
		{name: "cut off", make: write(good[:len(good)-1]), want: "checksum"},
		{name: "of another project", make: write(good), change: func(c *loader.Config) { c.ProjectToken = "phc_other" }, want: "another project"},
		{name: "of another host", make: write(good), change: func(c *loader.Config) { c.Host = "https://other" }, want: "another host"},
		{name: "a folder", make: func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, want: "not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logs
				path := filepath.Join(t.TempDir(), "flags")
				tt.make(t, path)
				srv := newServer(t)
				srv.Fail(posthogtest.Failure{Delay: time.Second})
				cfg := withFile(path, &log)
				cfg.Bootstrap = []byte(documentB)
				if tt.change != nil {
					tt.change(&cfg)
				}
				l := start(t, srv, cfg)
				if got := l.Status(); got.Source != loader.Bootstrap {
					t.Errorf("source %v, want the bootstrap document in place of the file", got.Source)
				}
				if log.count("WARN", "file ignored") != 1 || !strings.Contains(log.String(), tt.want) {
					t.Errorf("want one warning with %q:\n%s", tt.want, &log)
				}
			})
		})
	}
}

func TestMissingFileIsNoWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logs
		ready(t, newServer(t), withFile(filepath.Join(t.TempDir(), "flags"), &log))
		synctest.Wait()
		if log.count("WARN", "") != 0 {
			t.Errorf("a first start warns:\n%s", &log)
		}
	})
}

// R1, for the file: a write that failed is made up for, also when upstream
// answers nothing but 304 from then on.
func TestFileIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logs
		folder := filepath.Join(t.TempDir(), "not yet there")
		path := filepath.Join(folder, "flags")
		srv := newServer(t)
		l := ready(t, srv, withFile(path, &log))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := log.count("WARN", "file not written"); got != 1 {
			t.Errorf("%d warnings of one failure, want 1:\n%s", got, &log)
		}
		if got := l.Status(); got.State != loader.Current {
			t.Errorf("state %v, want the loader not to mind", got.State)
		}
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		made := time.Now()
		time.Sleep(33 * time.Second)
		synctest.Wait()
		if data, err := os.ReadFile(path); err != nil || !bytes.HasSuffix(data, []byte(documentA)) {
			t.Errorf("got %q, %v; want the document", data, err)
		}
		_ = l.Close()
		srv.Fail(posthogtest.Failure{Delay: time.Second})
		if got := start(t, srv, withFile(path, &log)).Status(); got.CheckedAt.Before(made) {
			t.Errorf("the file says checked at %v, want the confirmation it was written after, past %v", got.CheckedAt, made)
		}
	})
}

func TestBootstrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t)
		srv.Fail(posthogtest.Failure{Status: 503})
		l := start(t, srv, loader.Config{Bootstrap: []byte(documentB)})
		if err := l.WaitUntilReady(t.Context()); err != nil {
			t.Error(err)
		}
		got := l.Status()
		if got.State != loader.Stale || got.Source != loader.Bootstrap || got.Cause == nil || !got.CheckedAt.IsZero() || got.Age != 0 {
			t.Errorf("from the bootstrap document: %+v; want stale, of unknown age", got)
		}
		srv.Recover()
		if err := l.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		if got := l.Status(); got.Source != loader.FromUpstream || got.Revision != flagdef.RevisionOf([]byte(documentA)) {
			t.Errorf("after upstream's answer: %+v", got)
		}
	})
	_, err := loader.New(t.Context(), loader.Config{
		Upstream:  upstreamFunc(nil),
		Bootstrap: []byte(`{"flags":7}`),
	})
	if !errors.Is(err, loader.ErrBadDocument) {
		t.Errorf("a bootstrap that is no document: got %v, want ErrBadDocument", err)
	}
}
