// Command hogflags evaluates, explains and checks PostHog feature flags from
// their definitions, and shares these among processes. See docs/cli.md, or run
// it with --help.
package main

import (
	"os"
	_ "time/tzdata" // --timezone works in containers without a zone database

	"github.com/hogflags/hogflags/flagcache/rediscache"
)

func main() {
	rediscache.DiscardLogs()
	os.Exit(run(os.Args[1:], console{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
