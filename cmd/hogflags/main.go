// Command hogflags evaluates, explains and checks PostHog feature flags from
// their definitions, and shares these among processes. See docs/cli.md, or run
// it with --help.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // --timezone works in containers without a zone database

	"github.com/redis/go-redis/v9"
)

func main() {
	redis.SetLogger(silent{})
	os.Exit(run(os.Args[1:], console{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// silent drops what go-redis would write to standard error by itself: its
// errors come back, and are reported once.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}
