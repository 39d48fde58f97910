package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hogflags/hogflags/flagcache"
)

type keygenCmd struct {
	Name string `arg:"" help:"Write the private key to NAME.key and the public one to NAME.pub."`
}

// Help is the longer text of --help.
func (*keygenCmd) Help() string {
	return `Makes a pair of keys for signing what a fleet's store holds. Only its owner may read NAME.key, and it is never printed. Neither file may exist.

Exit codes:

    0  both are written
    2  a file exists, or cannot be written`
}

// Run writes both files or neither.
func (c *keygenCmd) Run(std console) error {
	key := flagcache.NewSigningKey()
	private, public := c.Name+".key", c.Name+".pub"
	if err := writeNew(private, key.Reveal()+"\n", 0o600); err != nil {
		return err
	}
	if err := writeNew(public, key.Public().String()+"\n", 0o644); err != nil {
		_ = os.Remove(private) // made a moment ago
		return err
	}
	_, err := fmt.Fprintf(std.out, "key %s: private in %s, for who writes the store; public in %s, for who reads it\n", key.Public().ID(), private, public)
	return err
}

func writeNew(name, text string, mode fs.FileMode) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return badInput("", "%s exists: a key is never replaced; choose another name", name)
	}
	if err != nil {
		return badInput("", "write key: %w", err)
	}
	_, err = file.WriteString(text)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(name)
		return badInput("", "write key: %w", err)
	}
	return nil
}
