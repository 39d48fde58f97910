package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/hogflags/hogflags/internal/codegen"
)

type generateCmd struct {
	Definitions string `placeholder:"FILE" help:"Definitions document, as /flags/definitions serves it; - is standard input."`
	project     `embed:""`
	Package     string `required:"" placeholder:"NAME" help:"Name of the package."`
	Out         string `placeholder:"FILE" help:"File to write. Default: standard output."`
}

// Help is the longer text of --help.
func (*generateCmd) Help() string {
	return `A constant for each key, a type for its variants and its payload, and
functions that read them. Code that uses a flag which is deleted no longer
compiles. The same definitions always give the same file.

Exit codes:

    0  done
    2  the command line or the definitions cannot be used, or the file not written
    4  PostHog did not hand out definitions`
}

// Run writes the package.
func (c *generateCmd) Run(ctx context.Context, std console) error {
	from := source{Definitions: c.Definitions, project: c.project}
	defs, err := from.load(ctx, std)
	if err != nil {
		return err
	}
	code, err := codegen.Generate(defs, c.Package)
	if err != nil {
		return badInput("", "--package: %w", err)
	}
	if c.Out == "" {
		_, err = std.out.Write(code)
		return err
	}
	if old, err := os.ReadFile(c.Out); err == nil && bytes.Equal(old, code) {
		return nil // what depends on it need not be built again
	}
	if err := os.WriteFile(c.Out, code, 0o644); err != nil {
		return fmt.Errorf("write code: %w", err)
	}
	return nil
}
