package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// printer writes text and remembers the first error, so that a report can be
// written without asking after each line.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// table writes rows in columns, indented, without blanks at line ends.
func (p *printer) table(indent string, rows [][]string) { p.columns(indent, rows, padRight) }

// numbers writes rows whose columns, but for the first, are numbers.
func (p *printer) numbers(rows [][]string) {
	p.columns("", rows, func(column int, cell string, width int) string {
		if column == 0 {
			return padRight(column, cell, width)
		}
		return strings.Repeat(" ", width-utf8.RuneCountInString(cell)) + cell
	})
}

func padRight(_ int, cell string, width int) string {
	return cell + strings.Repeat(" ", width-utf8.RuneCountInString(cell))
}

func (p *printer) columns(indent string, rows [][]string, pad func(column int, cell string, width int) string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = pad(i, cell, widths[i])
		}
		p.printf("%s\n", strings.TrimRight(indent+strings.Join(cells, "  "), " "))
	}
}

// abbreviate cuts text to at most n characters.
func abbreviate(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// writeJSON writes v for a person or a program: indented, one document.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
