package sqlitecache_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/sqlitecache"
)

var scope = flagcache.Scope{Project: "phc_faults", Host: "https://us.i.posthog.com"}

// stored is a store with an entry, under a live lease.
func stored(t *testing.T) (path string, s *sqlitecache.Store, c flagcache.Claim, e *flagcache.Entry) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "cache.db")
	s = open(t, path, scope)
	rec, err := s.Acquire(t.Context(), flagcache.Bid{Token: "t", Holder: "h"}, flagcache.MaxLease)
	if err != nil {
		t.Fatal(err)
	}
	c = flagcache.Claim{Token: "t", Epoch: rec.Lease.Epoch}
	// Larger than a page, so that it is stored on pages of its own.
	e = flagcache.NewEntry(scope, []byte(`{"flags":["`+strings.Repeat("one", 10_000)+`"]}`), "etag")
	e.Position = flagcache.Position{Epoch: c.Epoch, Seq: 1}
	if _, err := s.Save(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	return path, s, c, e
}

func TestFilesAreTheUsers(t *testing.T) {
	path, _, _, _ := stored(t)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if os.PathSeparator == '/' && info.Mode() != 0o600 {
			t.Errorf("%s%s has mode %v, want 0600", path, suffix, info.Mode())
		}
	}
}

// Rows that somebody changed are not trusted, and are stored again.
func TestDamagedRows(t *testing.T) {
	path, s, c, e := stored(t)
	exec(t, path, "UPDATE documents SET body = replace(body, 'one', 'two')")
	if _, err := s.Load(t.Context()); !errors.Is(err, flagcache.ErrBadEntry) {
		t.Errorf("load a changed document: %v, want %v", err, flagcache.ErrBadEntry)
	}
	h := e.Head
	h.Seq = 2
	if _, err := s.Confirm(t.Context(), c, h); !errors.Is(err, flagcache.ErrBodyNeeded) {
		t.Errorf("confirm it: %v, want %v", err, flagcache.ErrBodyNeeded)
	}
	e.Head = h
	if _, err := s.Save(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(t.Context()); err != nil || got.Verify(scope) != nil {
		t.Errorf("after the save: %v", err)
	}

	exec(t, path, "UPDATE records SET record = replace(record, 'phc_faults', 'phc_others')")
	if _, err := s.Record(t.Context()); !errors.Is(err, flagcache.ErrBadEntry) {
		t.Errorf("read a changed record: %v, want %v", err, flagcache.ErrBadEntry)
	}
	if rec, err := s.Record(t.Context()); err != nil || rec.Head.Exists() {
		t.Errorf("then %+v, %v, want an empty store", rec, err)
	}
}

// A file that SQLite finds damaged is an error that says what to do, when it is
// opened and later.
func TestDamagedFile(t *testing.T) {
	path, s, _, _ := stored(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wantHelp := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "move "+path) {
			t.Errorf("%s: %v, want it to say what to move away", what, err)
		}
	}
	t.Run("Text", func(t *testing.T) {
		if err := os.WriteFile(path, []byte("this is no database, but somebody's notes\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := sqlitecache.New(path, scope)
		wantHelp("open a text", err)
	})
	t.Run("Pages", func(t *testing.T) {
		spoilt := append([]byte(nil), data...)
		for i := 4096; i < len(spoilt); i++ {
			spoilt[i] ^= 0x5a
		}
		if err := os.WriteFile(path, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := sqlitecache.New(path, scope)
		if err == nil {
			defer func() { _ = s.Close() }()
			_, err = s.Record(t.Context())
		}
		wantHelp("read spoilt pages", err)
	})
}

func TestForeignDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	exec(t, path, "CREATE TABLE users (name)")
	if _, err := sqlitecache.New(path, scope); err == nil || !strings.Contains(err.Error(), "another application's") {
		t.Errorf("opened another's database: %v", err)
	}
	path, s, _, _ := stored(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, path, "PRAGMA user_version = 2")
	if _, err := sqlitecache.New(path, scope); err == nil || !strings.Contains(err.Error(), "upgrade") {
		t.Errorf("opened a later version's database: %v", err)
	}
}

// A process whose file was removed goes on in a new one, and does not lead
// beside those who see it.
func TestFileRemoved(t *testing.T) {
	path, s, c, e := stored(t)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Skipf("an open file cannot be removed here: %v", err)
		}
	}
	if _, err := s.Renew(t.Context(), c, flagcache.MaxLease); !errors.Is(err, flagcache.ErrNotHeld) {
		t.Errorf("renew in a removed file: %v, want %v", err, flagcache.ErrNotHeld)
	}
	other := open(t, path, scope)
	rec, err := other.Acquire(t.Context(), flagcache.Bid{Token: "u", Seen: e.Epoch}, flagcache.MaxLease)
	if err != nil || rec.Lease.Epoch <= e.Epoch {
		t.Errorf("acquire: %+v, %v", rec.Lease, err)
	}
	if seen, err := s.Record(t.Context()); err != nil || seen.Lease != rec.Lease {
		t.Errorf("the first sees %+v, %v, want %+v", seen.Lease, err, rec.Lease)
	}
}

// A lock that another process holds is waited for until the context ends; who
// reads does not wait.
func TestLockHeld(t *testing.T) {
	path, s, c, e := stored(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := s.Renew(ctx, c, flagcache.MaxLease); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("renew beside a lock: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if got, err := s.Load(t.Context()); err != nil || got.Position != e.Position {
		t.Errorf("load beside a lock: %v", err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Renew(t.Context(), c, flagcache.MaxLease); err != nil {
		t.Errorf("renew after the lock: %v", err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		url, want string
		malformed bool
	}{
		{"sqlite:", "no path", true},
		{"sqlite://host/path", "names a host", true},
		{"sqlite:x?mode=ro", "no parameters", true},
		{"sqlite:" + filepath.ToSlash(dir), "is no file", false},
		{"sqlite:" + filepath.ToSlash(filepath.Join(dir, "a", "b")), "does not exist", false},
	} {
		s, err := sqlitecache.Open(test.url, scope)
		if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, flagcache.ErrURL) != test.malformed {
			t.Errorf("%s: %v, %v, want %q", test.url, s, err, test.want)
		}
	}
	if _, err := sqlitecache.New(filepath.Join(dir, "x"), flagcache.Scope{}); err == nil {
		t.Error("a store without a scope was opened")
	}
	t.Chdir(dir)
	s, err := sqlitecache.Open("sqlite:a b%23.db", scope)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := os.Stat(filepath.Join(dir, "a b#.db")); err != nil {
		t.Errorf("no file was made: %v", err)
	}
	sqlitecache.OnFileSystem(t, func(string) error { return errors.New("on nfs") })
	if _, err := sqlitecache.New(filepath.Join(dir, "y"), scope); err == nil || !strings.Contains(err.Error(), "on nfs") {
		t.Errorf("a network file system: %v", err)
	}
}
