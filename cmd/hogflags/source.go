package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// maxDefinitions bounds a definitions document, in bytes: some fifty times
// the largest projects known.
const maxDefinitions = 64 << 20

// source is where definitions come from.
type source struct {
	Definitions string `placeholder:"FILE" help:"Definitions document, as /flags/definitions serves it; - is standard input."`
	Timezone    string `placeholder:"ZONE" help:"The project's time zone, as Europe/Berlin. Default: not known, so some dates are undecided."`
}

// compile loads the definitions and compiles them.
func (s *source) compile(std console) (*rules.Set, error) {
	var opts rules.Options
	if s.Timezone != "" {
		zone, err := time.LoadLocation(s.Timezone)
		if err != nil {
			return nil, badInput("", "--timezone %s: not an IANA time zone, as Europe/Berlin", s.Timezone)
		}
		opts.TimeZone = zone
	}
	defs, err := s.load(std)
	if err != nil {
		return nil, err
	}
	return rules.Compile(defs, opts), nil
}

// load reads and parses the definitions.
func (s *source) load(std console) (*flagdef.Definitions, error) {
	if s.Definitions == "" {
		return nil, badInput("", "no definitions: name a file")
	}
	body, err := s.read(std)
	if err != nil {
		return nil, badInput("", "read definitions: %w", err)
	}
	defs, err := flagdef.Parse(body)
	if err != nil {
		return nil, badInput("", "parse definitions %s: %w", s.Definitions, err)
	}
	return defs, nil
}

func (s *source) read(std console) ([]byte, error) {
	in := std.in
	if s.Definitions != "-" {
		file, err := os.Open(s.Definitions)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	body, err := io.ReadAll(io.LimitReader(in, maxDefinitions+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxDefinitions {
		return nil, fmt.Errorf("%s is larger than %d MiB", s.Definitions, maxDefinitions>>20)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, errors.New(s.Definitions + " is empty")
	}
	return body, nil
}
