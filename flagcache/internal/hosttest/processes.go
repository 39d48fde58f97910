//go:build unix

package hosttest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

const (
	contenders = 6
	contention = time.Second
	kills      = 12
)

// testProcesses lets processes lead in turn while others read: nobody leads
// beside another, no epoch is granted twice, and readers never go back.
func testProcesses(t *testing.T, open Open) {
	dir := t.TempDir()
	var all []*child
	for range contenders {
		all = append(all, start(t, "contend", dir))
	}
	s := opened(t, open, dir)
	ended := make(chan struct{})
	epochs := make(map[string]bool)
	go func() {
		defer close(ended)
		for _, c := range all {
			for c.lines.Scan() {
				if line := c.lines.Text(); epochs[line] {
					t.Errorf("epoch %s was granted twice", line)
				} else {
					epochs[line] = true
				}
			}
		}
	}()
	var last flagcache.Position
	loads := 0
	for reading := true; reading; {
		select {
		case <-ended:
			reading = false
		default:
		}
		e, err := s.Load(t.Context())
		if errors.Is(err, flagcache.ErrNotFound) && loads == 0 {
			continue
		}
		if err == nil {
			err = e.Verify(scope)
		}
		if err != nil {
			t.Fatalf("load while others write: %v", err)
		}
		if last.After(e.Position) {
			t.Fatalf("read %v after %v", e.Position, last)
		}
		last = e.Position
		loads++
	}
	for _, c := range all {
		c.wait(t)
	}
	if len(epochs) == 0 || loads == 0 {
		t.Errorf("%d tenures, %d loads, want some", len(epochs), loads)
	}
	t.Logf("%d tenures of %d processes, %d loads beside them", len(epochs), contenders, loads)
}

// contend leads again and again, and prints each epoch.
func contend(s Store, dir string) error {
	ctx, name := noTest(), strconv.Itoa(os.Getpid())
	for until := time.Now().Add(contention); time.Now().Before(until); {
		bid := flagcache.Bid{Token: fmt.Sprint(name, rand.Uint64()), Holder: name}
		rec, err := s.Acquire(ctx, bid, flagcache.MaxLease)
		if errors.Is(err, flagcache.ErrHeld) {
			continue
		}
		if err != nil {
			return err
		}
		c := flagcache.Claim{Token: bid.Token, Epoch: rec.Lease.Epoch}
		fmt.Println(c.Epoch)
		// A file that only one process can make shows that nobody else leads.
		witness := filepath.Join(dir, "witness")
		file, err := os.OpenFile(witness, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("two lead at once: %w", err)
		}
		_ = file.Close()
		e := entry(c, 1, 10<<10)
		_, err = s.Save(ctx, c, e)
		if err == nil {
			_, err = s.Renew(ctx, c, flagcache.MaxLease)
		}
		if err == nil {
			e.Seq = 2
			_, err = s.Confirm(ctx, c, e.Head)
		}
		if removed := os.Remove(witness); err != nil || removed != nil {
			return errors.Join(err, removed)
		}
		if _, err := s.Release(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// testKilled kills writers at any moment: what is stored then is what was
// stored last, or what was just being stored, and the next one goes on.
func testKilled(t *testing.T, open Open) {
	dir := t.TempDir()
	inBetween := 0
	for range kills {
		c := start(t, "write", dir)
		if !c.lines.Scan() {
			c.wait(t)
			t.Fatal("a writer ended at once")
		}
		begun := c.lines.Text()
		timer := time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = c.cmd.Process.Kill() })
		done := ""
		for {
			if position, ok := strings.CutPrefix(begun, "done "); ok {
				done = position
			}
			if !c.lines.Scan() {
				break
			}
			begun = c.lines.Text()
		}
		timer.Stop()
		_ = c.cmd.Wait() // it was killed
		s := opened(t, open, dir)
		e, err := s.Load(t.Context())
		if errors.Is(err, flagcache.ErrNotFound) && done == "" {
			continue
		}
		if err == nil {
			err = e.Verify(scope)
		}
		if err != nil {
			t.Fatalf("after a writer was killed: %v", err)
		}
		rec, err := s.Record(t.Context())
		if err != nil || rec.Head != e.Head {
			t.Fatalf("record %v beside entry %v, %v", rec.Head.Position, e.Position, err)
		}
		now := e.String()
		tried, isTry := strings.CutPrefix(begun, "try ")
		if isTry {
			inBetween++
		}
		if done != "" && now != done && (!isTry || now != tried) {
			t.Fatalf("stored is %s after %q, and %q was done before", now, begun, done)
		}
	}
	t.Logf("%d of %d writers were killed within a save", inBetween, kills)
	s := opened(t, open, dir)
	c := mustLead(t, s)
	e := entry(c, 1, 100)
	mustSave(t, s, c, e)
	wantStored(t, s, e)
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// write saves until it is killed, and says so before and after.
func write(s Store, _ string) error {
	ctx := noTest()
	c, err := lead(ctx, s, "writer")
	if err != nil {
		return err
	}
	for seq := uint64(1); ; seq++ {
		e := entry(c, seq, 300<<10)
		fmt.Println("try", e.Position)
		if _, err := s.Save(ctx, c, e); err != nil {
			return err
		}
		fmt.Println("done", e.Position)
		if _, err := s.Renew(ctx, c, flagcache.MaxLease); err != nil {
			return err
		}
	}
}
