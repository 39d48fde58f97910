package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// grammar is the command line.
type grammar struct {
	Eval        evalCmd        `cmd:"" help:"Evaluate flags for a subject."`
	Explain     explainCmd     `cmd:"" help:"Show how each answer comes about: conditions, filters, hashes."`
	Lint        lintCmd        `cmd:"" help:"Say which flags cannot be decided locally, and what is broken."`
	Generate    generateCmd    `cmd:"" help:"Write a Go package with the flags' keys, variants and payloads as types."`
	Sync        syncCmd        `cmd:"" help:"Fetch the definitions once and store them for a fleet."`
	Serve       serveCmd       `cmd:"" help:"Serve definitions to SDKs of any language, as one of a fleet."`
	Refresh     refreshCmd     `cmd:"" help:"Have a relay ask PostHog for definitions now."`
	RelayKey    relayKeyCmd    `cmd:"" help:"Make a relay key, and the hash of it for a configuration."`
	Health      healthCmd      `cmd:"" help:"Ask a relay whether it runs."`
	Ready       readyCmd       `cmd:"" help:"Ask a relay whether it has definitions."`
	Status      statusCmd      `cmd:"" help:"Show what a fleet's store holds, and who leads."`
	Pin         pinCmd         `cmd:"" help:"Have a fleet serve earlier definitions until unpin."`
	Unpin       unpinCmd       `cmd:"" help:"Have a fleet serve the latest definitions again."`
	Keygen      keygenCmd      `cmd:"" help:"Make a pair of keys for signing what a fleet's store holds."`
	Doctor      doctorCmd      `cmd:"" help:"Look for what is wrong with a fleet's store, and say what to do."`
	Conformance conformanceCmd `cmd:"" help:"Judge the evaluator against cases with known answers."`
	Demo        demoCmd        `cmd:"" help:"Watch a fleet follow a flag change. Needs no account and no network."`

	Version kong.VersionFlag `help:"Print the version."`
}

// Exit codes, documented in docs/cli.md and in each command's help.
const (
	exitOK       = 0
	exitFinding  = 1 // the command worked and found something to act on
	exitUsage    = 2 // the command line, its input or its output cannot be used
	exitBroken   = 3 // lint: a flag is broken
	exitUpstream = 4 // PostHog did not hand out definitions
	exitStore    = 5 // the store cannot be used
)

// console is where a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
}

// open opens a file for reading; - is standard input.
func (c console) open(name string) (in io.Reader, closeInput func(), err error) {
	if name == "-" {
		return c.in, func() {}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	return file, func() { _ = file.Close() }, nil // nothing was written to it
}

// stop ends a command with an exit code other than 0.
type stop struct {
	code int
	err  error  // nil where the output has said it all
	try  string // arguments that would have worked; "": nothing to suggest
}

func (s *stop) Error() string { return fmt.Sprint(s.err) }
func (s *stop) Unwrap() error { return s.err }

// badInput is an error that other arguments would have avoided.
func badInput(try, format string, args ...any) error {
	return &stop{code: exitUsage, err: fmt.Errorf(format, args...), try: try}
}

// found ends a command whose report is not a clean one.
func found(code int) error { return &stop{code: code} }

// run parses the arguments, runs the command and returns its exit code.
func run(args []string, std console) int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	parser := kong.Must(&grammar{},
		kong.Name("hogflags"),
		kong.Description("PostHog feature flags, evaluated where the code runs."),
		kong.Writers(std.out, std.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
		kong.Vars{"version": "hogflags " + version()},
	)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		return report(std, commandName(err), &stop{code: exitUsage, err: err})
	}
	return report(std, command.Selected().Name, command.Run())
}

// version is that of the module or of the commit that this was built from, as Go
// has noted it, and of Go.
func version() string {
	v := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		v = cmp.Or(info.Main.Version, v)
	}
	return fmt.Sprintf("%s %s %s/%s", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// report writes an error as one line and returns the exit code.
func report(std console, command string, err error) int {
	if err == nil {
		return exitOK
	}
	s, ok := errors.AsType[*stop](err)
	if !ok {
		s = &stop{code: exitUsage, err: err} // such as a disk that is full
	}
	if s.err == nil {
		return s.code
	}
	name := strings.TrimSpace("hogflags " + command)
	try := s.try
	if ok && try == "" && s.code == exitUsage {
		try = examples[command]
	}
	line := strings.ReplaceAll(fmt.Sprintf("%s: %v", name, s.err), "\n", " ")
	if try != "" {
		line += fmt.Sprintf("; try: %s %s", name, try)
	}
	_, _ = fmt.Fprintln(std.err, line) // where else to complain
	return s.code
}

// examples are arguments that work for each command.
var examples = map[string]string{
	"":            "--help",
	"eval":        "--definitions flags.json --distinct-id user-1 --person plan=pro",
	"explain":     "--definitions flags.json --distinct-id user-1 --flag KEY",
	"lint":        "--definitions flags.json",
	"generate":    "--definitions flags.json --package flags --out flags/flags.go",
	"sync":        "--cache redis://localhost:6379 --project-token phc_… --secret-key phs_…",
	"serve":       "--cache redis://localhost:6379 --project-token phc_… --secret-key phs_…",
	"refresh":     "https://flags.example.com --key-file operator.key",
	"relay-key":   "",
	"health":      "--url http://127.0.0.1:8080",
	"ready":       "--url http://127.0.0.1:8080",
	"status":      "--cache redis://localhost:6379 --project-token phc_…",
	"pin":         "previous --by ada --why 'checkout is broken' --cache redis://localhost:6379 --project-token phc_…",
	"unpin":       "--by ada --why fixed --cache redis://localhost:6379 --project-token phc_…",
	"keygen":      "fleet",
	"doctor":      "--cache redis://localhost:6379 --project-token phc_…",
	"conformance": "cases.jsonl",
	"demo":        "--serve",
}

// commandName finds which command the arguments were meant for.
func commandName(err error) string {
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context != nil {
		if selected := parse.Context.Selected(); selected != nil {
			return selected.Name
		}
	}
	return ""
}
