package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// giveBack takes out of the process what it has mapped of the program's file so
// far. What it needs again comes back by itself, from the system's cache of the
// file: for serving that is a fifth of what a start touches, which begins
// hundreds of packages, and makes the system map what is around each page, too.
//
// It is for the resident memory alone, so nothing that fails here matters.
func giveBack() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range programMappings(smaps, program) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, m.begin, m.end-m.begin, syscall.MADV_DONTNEED)
	}
}

// mapping is a range of addresses.
type mapping struct{ begin, end uintptr }

// programMappings are those of a file that cannot be written to, and of which
// nothing was: whoever relocates a program, or sets a breakpoint in it, writes to
// copies of its pages, and those would be lost.
func programMappings(smaps []byte, file string) (unchanged []mapping) {
	var m mapping
	of := false
	for line := range bytes.Lines(smaps) {
		fields := strings.Fields(string(line))
		if len(fields) < 2 {
			continue
		}
		if begin, end, ok := strings.Cut(fields[0], "-"); ok && len(fields) >= 6 {
			from, err := strconv.ParseUint(begin, 16, 64)
			to, err2 := strconv.ParseUint(end, 16, 64)
			m = mapping{uintptr(from), uintptr(to)}
			of = err == nil && err2 == nil && fields[1][1] == '-' && strings.HasSuffix(strings.TrimSpace(string(line)), " "+file)
			continue
		}
		if of && fields[0] == "Anonymous:" && fields[1] == "0" {
			unchanged = append(unchanged, m)
		}
	}
	return unchanged
}
