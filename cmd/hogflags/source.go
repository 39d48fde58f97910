package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/rules"
)

// maxDefinitions bounds a definitions document, in bytes.
const maxDefinitions = posthogapi.DefaultMaxBodyBytes

// source is where definitions come from: a file, or else a live project.
type source struct {
	Definitions string `placeholder:"FILE" help:"Definitions document, as /flags/definitions serves it; - is standard input."`
	project     `embed:""`
	Timezone    string `placeholder:"ZONE" help:"The project's time zone, as Europe/Berlin. Default: not known, so some dates are undecided."`
}

// compile loads the definitions and compiles them.
func (s *source) compile(ctx context.Context, std console) (*rules.Set, error) {
	var opts rules.Options
	if s.Timezone != "" {
		zone, err := time.LoadLocation(s.Timezone)
		if err != nil {
			return nil, badInput("", "--timezone %s: not an IANA time zone, as Europe/Berlin", s.Timezone)
		}
		opts.TimeZone = zone
	}
	defs, err := s.load(ctx, std)
	if err != nil {
		return nil, err
	}
	return rules.Compile(defs, opts), nil
}

// load reads or fetches the definitions, and parses them.
func (s *source) load(ctx context.Context, std console) (*flagdef.Definitions, error) {
	var body []byte
	var err error
	name := s.Definitions
	switch {
	case s.Definitions != "":
		if body, err = s.read(std); err != nil {
			return nil, badInput("", "read definitions: %w", err)
		}
	case s.ProjectToken != "":
		name = s.name()
		if body, err = s.fetch(ctx); err != nil {
			return nil, err
		}
	default:
		return nil, badInput("", "no definitions: name a file by --definitions, or a project by --project-token and --secret-key")
	}
	defs, err := flagdef.Parse(body)
	if err != nil {
		return nil, badInput("", "%s: %w", name, err)
	}
	return defs, nil
}

func (s *source) read(std console) ([]byte, error) {
	in, closeInput, err := std.open(s.Definitions)
	if err != nil {
		return nil, err
	}
	defer closeInput()
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
