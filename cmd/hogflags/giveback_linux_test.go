package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestProgramMappings(t *testing.T) {
	entry := func(head, anonymous string) string {
		return head + "\nSize: 4 kB\nRss: 4 kB\nAnonymous: " + anonymous + " kB\nAnonHugePages: 0 kB\nVmFlags: rd ex mr mw me sd\n"
	}
	smaps := entry("00400000-016ac000 r-xp 00000000 08:01 1042  /opt/hog flags/hogflags", "0") +
		entry("016ac000-028f7000 r--p 012ac000 08:01 1042  /opt/hog flags/hogflags", "0") +
		entry("028f7000-029c2000 r--p 024f7000 08:01 1042  /opt/hog flags/hogflags", "12") + // relocated
		entry("029c2000-02a00000 rw-p 025f7000 08:01 1042  /opt/hog flags/hogflags", "0") +
		entry("02a00000-02b00000 rw-p 00000000 00:00 0", "0") +
		entry("7f0000000000-7f0000001000 r-xp 00000000 08:01 7  /lib/libc.so.6", "0")
	got := programMappings([]byte(smaps), "/opt/hog flags/hogflags")
	if want := []mapping{{0x400000, 0x16ac000}, {0x16ac000, 0x28f7000}}; !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// What is given back comes again: the test goes on.
func TestGiveBack(t *testing.T) {
	before := residentOfFiles(t)
	giveBack()
	if after := residentOfFiles(t); after >= before {
		t.Errorf("%d kB of files are resident, and were %d kB", after, before)
	}
}

func residentOfFiles(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb
}
