package filecache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/filecache"
)

var scope = flagcache.Scope{Project: "phc_faults", Host: "https://us.i.posthog.com"}

// stored is a store with an entry, under a live lease.
func stored(t *testing.T) (*filecache.Store, flagcache.Claim, *flagcache.Entry) {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "cache"), scope)
	rec, err := s.Acquire(t.Context(), flagcache.Bid{Token: "t", Holder: "h"}, flagcache.MaxLease)
	if err != nil {
		t.Fatal(err)
	}
	c := flagcache.Claim{Token: "t", Epoch: rec.Lease.Epoch}
	e := flagcache.NewEntry(scope, []byte(`{"flags":["one"]}`), "etag")
	e.Position = flagcache.Position{Epoch: c.Epoch, Seq: 1}
	if _, err := s.Save(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	return s, c, e
}

func TestFilesAreTheUsers(t *testing.T) {
	s, _, e := stored(t)
	for _, path := range []string{s.RecordFile(), s.DocumentFile(e)} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if os.PathSeparator == '/' && info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", path, info.Mode())
		}
	}
	if body, err := os.ReadFile(s.DocumentFile(e)); err != nil || string(body) != string(e.Body) {
		t.Errorf("the document's file has %q, %v, want its bytes", body, err)
	}
}

// A renewal leaves the document's file alone, and an old document goes.
func TestDocumentIsWrittenOnce(t *testing.T) {
	s, c, e := stored(t)
	before, err := os.Stat(s.DocumentFile(e))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Renew(t.Context(), c, flagcache.MaxLease); err != nil {
		t.Fatal(err)
	}
	h := e.Head
	h.Seq = 2
	if _, err := s.Confirm(t.Context(), c, h); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(s.DocumentFile(e))
	if err != nil || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Error("the document was written again")
	}
	orphan := s.RecordFile() + ".123.tmp" // of a writer that was killed
	if err := os.WriteFile(orphan, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(flagcache.MaxFormer + 1) { // until the first is no longer kept
		next := flagcache.NewEntry(scope, fmt.Appendf(nil, `{"flags":[%d]}`, i), "")
		next.Position = flagcache.Position{Epoch: c.Epoch, Seq: 3 + i}
		if _, err := s.Save(t.Context(), c, next); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{orphan, s.DocumentFile(e)} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
}

// What is damaged is told once, kept aside, and stored again by the leader.
func TestDamage(t *testing.T) {
	spoil := func(t *testing.T, path string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-3] ^= 1
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wantTold := func(t *testing.T, err error, path string) {
		t.Helper()
		if !errors.Is(err, flagcache.ErrBadEntry) || !strings.Contains(err.Error(), path+".damaged") {
			t.Errorf("error %v, want it to say where %s is kept", err, path)
		}
		if _, err := os.Stat(path + ".damaged"); err != nil {
			t.Error(err)
		}
	}
	t.Run("Record", func(t *testing.T) {
		s, c, e := stored(t)
		spoil(t, s.RecordFile())
		_, err := s.Record(t.Context())
		wantTold(t, err, s.RecordFile())
		rec, err := s.Record(t.Context())
		if err != nil || rec.Head.Exists() || rec.Live() {
			t.Errorf("then %+v, %v, want an empty store", rec, err)
		}
		rec, err = s.Acquire(t.Context(), flagcache.Bid{Token: "u", Seen: c.Epoch}, flagcache.MaxLease)
		if err != nil || rec.Lease.Epoch <= c.Epoch {
			t.Fatalf("acquire: epoch %d after %d, %v", rec.Lease.Epoch, c.Epoch, err)
		}
		e.Position = flagcache.Position{Epoch: rec.Lease.Epoch, Seq: 1}
		if _, err := s.Save(t.Context(), flagcache.Claim{Token: "u", Epoch: e.Epoch}, e); err != nil {
			t.Errorf("save: %v", err)
		}
	})
	t.Run("RecordWhileWriting", func(t *testing.T) {
		s, c, _ := stored(t)
		if err := os.Truncate(s.RecordFile(), 20); err != nil {
			t.Fatal(err)
		}
		_, err := s.Renew(t.Context(), c, flagcache.MaxLease)
		wantTold(t, err, s.RecordFile())
		if _, err := s.Renew(t.Context(), c, flagcache.MaxLease); !errors.Is(err, flagcache.ErrNotHeld) {
			t.Errorf("then %v, want %v", err, flagcache.ErrNotHeld)
		}
	})
	t.Run("Document", func(t *testing.T) {
		s, c, e := stored(t)
		spoil(t, s.DocumentFile(e))
		_, err := s.Load(t.Context())
		wantTold(t, err, s.DocumentFile(e))
		if _, err := s.Load(t.Context()); !errors.Is(err, flagcache.ErrNotFound) {
			t.Errorf("then %v, want %v", err, flagcache.ErrNotFound)
		}
		h := e.Head
		h.Seq = 2
		if _, err := s.Confirm(t.Context(), c, h); !errors.Is(err, flagcache.ErrBodyNeeded) {
			t.Errorf("confirm: %v, want %v", err, flagcache.ErrBodyNeeded)
		}
		e.Head = h
		if _, err := s.Save(t.Context(), c, e); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(t.Context()); err != nil || got.Verify(scope) != nil {
			t.Errorf("after the save: %+v, %v", got, err)
		}
	})
	t.Run("DocumentWhileConfirming", func(t *testing.T) {
		s, c, e := stored(t)
		spoil(t, s.DocumentFile(e))
		h := e.Head
		h.Seq = 2
		_, err := s.Confirm(t.Context(), c, h)
		wantTold(t, err, s.DocumentFile(e))
		if _, err := s.Confirm(t.Context(), c, h); !errors.Is(err, flagcache.ErrBodyNeeded) {
			t.Errorf("then %v, want %v", err, flagcache.ErrBodyNeeded)
		}
	})
	t.Run("Newer", func(t *testing.T) {
		s, _, _ := stored(t)
		data, err := os.ReadFile(s.RecordFile())
		if err != nil {
			t.Fatal(err)
		}
		later := strings.Replace(string(data), "hogflags-record 1", "hogflags-record 2", 1)
		if err := os.WriteFile(s.RecordFile(), []byte(later), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := s.Record(t.Context()); err == nil || !strings.Contains(err.Error(), "newer version") {
				t.Errorf("a record of a later version: %v", err)
			}
		}
		if now, _ := os.ReadFile(s.RecordFile()); string(now) != later {
			t.Error("a record of a later version was touched")
		}
	})
}

// The stored form is read by versions to come.
func TestStoredForm(t *testing.T) {
	dir := t.TempDir()
	golden := filepath.Join("testdata", "v1")
	files, err := os.ReadDir(golden)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(golden, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, scope)
	e, err := s.Load(t.Context())
	if err != nil || e.Verify(scope) != nil || string(e.Body) != `{"flags":["golden"]}` || e.ETag != `W/"golden"` {
		t.Errorf("loaded %+v, %v", e, err)
	}
	list, err := s.History(t.Context())
	if err != nil || len(list) != 2 || list[1].Bytes != len(`{"flags":["former"]}`) {
		t.Fatalf("history %+v, %v", list, err)
	}
	rec, err := s.Record(t.Context())
	if p := rec.Pin; p.Number != 5 || p.Revision != list[1].Revision || p.By != "ada" || p.Why != "incident" || p.Signature != "signature" {
		t.Errorf("pin %+v", p)
	}
	want := "{holder 1795300000000007 2026-11-22 00:00:12 +0000 UTC} (1795300000000007,3)rate_limited3 2026-11-22 00:10:00 +0000 UTC 2026-11-22 00:00:01 +0000 UTC"
	if got := fmt.Sprint(rec.Lease, rec.Failure.Position, rec.Failure.Cause, rec.Failure.Count, rec.Failure.NotBefore, rec.Reload); err != nil || got != want {
		t.Errorf("record %s, %v, want %s", got, err, want)
	}
}

// A lock that another process holds is waited for until the context ends; who
// reads does not wait.
func TestLockHeld(t *testing.T) {
	s, c, e := stored(t)
	release, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := s.Renew(ctx, c, flagcache.MaxLease); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "lock") {
		t.Errorf("renew beside a lock: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if got, err := s.Load(t.Context()); err != nil || got.Position != e.Position {
		t.Errorf("load beside a lock: %+v, %v", got, err)
	}
	release()
	if _, err := s.Renew(t.Context(), c, flagcache.MaxLease); err != nil {
		t.Errorf("renew after the lock: %v", err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		url, want string
		malformed bool
	}{
		{"file:", "no path", true},
		{"file://host/path", "names a host", true},
		{"file:x?mode=ro", "no parameters", true},
		{"file:" + filepath.ToSlash(file), "is no folder", false},
		{"file:" + filepath.ToSlash(filepath.Join(dir, "a", "b")), "does not exist", false},
	} {
		s, err := filecache.Open(test.url, scope)
		if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, flagcache.ErrURL) != test.malformed {
			t.Errorf("%s: %v, %v, want %q", test.url, s, err, test.want)
		}
	}
	if _, err := filecache.New(dir, flagcache.Scope{}); err == nil {
		t.Error("a store without a scope was opened")
	}
	t.Chdir(dir)
	if _, err := filecache.Open("file:relative", scope); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "relative")); err != nil || !info.IsDir() {
		t.Errorf("no folder was made: %v", err)
	}
	filecache.OnFileSystem(t, func(string) error { return errors.New("on nfs") })
	if _, err := filecache.New(dir, scope); err == nil || !strings.Contains(err.Error(), "on nfs") {
		t.Errorf("a network file system: %v", err)
	}
}
