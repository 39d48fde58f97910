package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// The table in the documentation stands between these two lines.
const (
	tableBegin = "<!-- bench:begin -->"
	tableEnd   = "<!-- bench:end -->"
)

func markdown(results []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s/%s, %d cores.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	b.WriteString("| row | hogflags | posthog-go | floor | posthog-go / hogflags | hogflags / floor | allocations (posthog-go) |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.1fx | %s | %.0f (%.0f) |\n",
			r.Row, duration(r.HogflagsNS), duration(r.PosthogGoNS), duration(r.FloorNS), r.Ratio,
			overFloor(r), r.Allocs, r.PosthogGoAllocs)
	}
	b.WriteString("\n| heap in use after loading, per flag | hogflags | posthog-go |\n|---|--:|--:|\n")
	for _, r := range results {
		if r.HogflagsHeap > 0 {
			fmt.Fprintf(&b, "| %s | %.0f B | %.0f B |\n", r.Row, r.HogflagsHeap, r.PosthogGoHeap)
		}
	}
	return b.String()
}

// overFloor compares with the floor where that says something: for work of
// the same order of magnitude.
func overFloor(r result) string {
	if over := r.HogflagsNS / r.FloorNS; over < 100 {
		return fmt.Sprintf("%.2fx", over)
	}
	return ""
}

func duration(ns float64) string {
	switch {
	case ns < 1e4:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	default:
		return fmt.Sprintf("%.1f ms", ns/1e6)
	}
}

// replaceTable puts text between the markers of a Markdown file.
func replaceTable(file, text string) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read document: %w", err)
	}
	head, rest, ok := bytes.Cut(body, []byte(tableBegin))
	_, tail, ok2 := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !ok2 {
		return fmt.Errorf("%s: no lines %s and %s to put the table between", file, tableBegin, tableEnd)
	}
	replaced := fmt.Sprintf("%s%s\n%s%s%s", head, tableBegin, text, tableEnd, tail)
	return os.WriteFile(file, []byte(replaced), 0o644)
}
