package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// The fake PostHog of --serve answers the commands that the demo suggests, and
// ends with its context.
func TestDemoServe(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		cmd := demoCmd{Serve: true}
		err := cmd.Run(ctx, console{out: out})
		done <- err
		_ = out.CloseWithError(err)
	}()

	var suggested []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if export, ok := strings.CutPrefix(text, "export "); ok {
			for variable := range strings.FieldsSeq(export) {
				name, value, _ := strings.Cut(variable, "=")
				t.Setenv(name, value)
			}
		}
		if command, ok := strings.CutPrefix(text, "hogflags "); ok {
			suggested = append(suggested, command)
		}
		if text == "hogflags lint" {
			break // the last line
		}
	}
	if len(suggested) != 3 {
		t.Fatalf("the demo suggests %d commands, want 3", len(suggested))
	}
	for _, command := range suggested {
		var stdout, stderr bytes.Buffer
		if code := run(strings.Fields(command), console{out: &stdout, err: &stderr}); code > exitFinding {
			t.Errorf("hogflags %s: exit code %d: %s", command, code, &stderr)
		}
		if !strings.Contains(stdout.String(), "checkout-upsell") {
			t.Errorf("hogflags %s says nothing about checkout-upsell:\n%s", command, &stdout)
		}
	}

	interrupt()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil after an interrupt", err)
	}
}

// A demo without an edit that arrives is no demo: it ends with an error.
func TestDemoEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cmd := demoCmd{}
	if err := cmd.Run(ctx, console{out: io.Discard}); err == nil {
		t.Error("Run = nil, want an error when the context has ended")
	}
}
