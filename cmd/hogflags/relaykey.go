package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hogflags/hogflags/relay"
)

type relayKeyCmd struct {
	Hash bool `help:"Read a key from standard input and print its hash."`
}

// Help is the longer text of --help.
func (*relayKeyCmd) Help() string {
	return `Prints a new relay key, which clients present in place of PostHog's secret, and beside it the hash that goes into the configuration. The key is shown this once.`
}

// Run prints a key and its hash, or a hash alone.
func (c *relayKeyCmd) Run(std console) error {
	if !c.Hash {
		key, hash := relay.NewKey()
		_, err := fmt.Fprintf(std.out, "key   %s\nhash  %s\n", key, hash)
		return err
	}
	line, err := bufio.NewReader(std.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return badInput("--hash < key.txt", "read standard input: %w", err)
	}
	key := strings.TrimSpace(line)
	if key == "" {
		return badInput("--hash < key.txt", "no key on the first line of standard input")
	}
	_, err = fmt.Fprintln(std.out, relay.HashKey(key))
	return err
}
