package flagdef

import (
	"errors"
	"strconv"

	"github.com/hogflags/hogflags/internal/jsonscan"
)

// Limits on a document. PostHog's own server reads JSON no deeper than
// MaxDepth, and its documents are far below the others; they exist so that a
// broken upstream cannot exhaust a process.
const (
	MaxBytes    = 256 << 20 // size of a document
	MaxDepth    = 128       // levels of arrays and objects, counted from the root
	MaxVariants = 1000      // variants of a flag
)

// Definitions is a parsed definitions document. It refers to the bytes that it
// was parsed from, which must not change, and is itself never changed after
// [Parse]: it is safe for concurrent use.
type Definitions struct {
	// Flags holds every usable flag and every flag with a Problem, in the
	// order of the document. A flag whose key cannot be told is not in it; it
	// is in Problems.
	Flags []Flag

	// GroupTypes maps a group type index, as written ("0"), to the name of the
	// type ("company").
	GroupTypes map[string]string

	// Cohorts holds the cohorts by id, as written ("42").
	Cohorts map[string]*Cohort

	// MinimalFlagCalledEvents says that the server asks SDKs for the slim form
	// of $feature_flag_called.
	MinimalFlagCalledEvents bool

	// PropertyMatchingVersion selects how boolean-like filter values match: 1
	// (coercing; also any other number, and none) or 2 (explicit).
	PropertyMatchingVersion int

	// Problems lists what is wrong with the document outside of a single
	// flag or cohort.
	Problems []*Problem
}

// Problem says what in a document cannot be understood, and where.
type Problem struct {
	Flag string // key of the flag it is in, or ""
	Path string // JSON path from the root: flags[3].filters.groups[0].rollout_percentage
	What string // "want a number, found a string"
}

// Error is "flag "beta": flags[3].key: want a string, found null".
func (p *Problem) Error() string {
	if p.Flag == "" {
		return p.Path + ": " + p.What
	}
	return "flag " + strconv.Quote(p.Flag) + ": " + p.Path + ": " + p.What
}

// Parse reads a definitions document. The result shares body's memory.
//
// The top-level names are accepted in both spellings that are in use:
// group_type_mapping as the server writes it, groupTypeMapping as caches of
// the JavaScript SDKs do. If both are there, the server's counts.
//
// Parse fails if the document is not a JSON object with a list of flags, or is
// over MaxBytes.
func Parse(body []byte) (*Definitions, error) {
	if len(body) > MaxBytes {
		return nil, &parseError{errors.New(strconv.Itoa(len(body)) + " bytes are over the limit of " + strconv.Itoa(MaxBytes))}
	}
	d := decoder{
		Cursor: jsonscan.New(body),
		// What is usual: a flag has about a kilobyte, two conditions, three filters.
		conditionArena: make([]Condition, 0, len(body)/400), filterArena: make([]Filter, 0, len(body)/320),
	}
	defs, err := d.definitions(len(body))
	if syntax := d.End(); syntax != nil {
		return nil, &parseError{syntax}
	}
	if err != nil {
		return nil, &parseError{err}
	}
	return defs, nil
}

// parseError is why Parse failed. There is no fmt in this package: it would be a
// sixteenth of the build for the edge.
type parseError struct{ cause error }

func (e *parseError) Error() string { return "parse definitions: " + e.cause.Error() }
func (e *parseError) Unwrap() error { return e.cause }

// errNoFlags makes a document unusable: an empty answer in place of the
// definitions must never be taken for a project without flags.
var errNoFlags = errors.New(`the document has no "flags"`)

func (d *decoder) definitions(bytes int) (*Definitions, error) {
	if k := kindOf(d.Peek()); k != Object {
		d.skip()
		return nil, errors.New("want an object with a list of flags, found " + k.String())
	}
	defs := &Definitions{PropertyMatchingVersion: 1, Flags: make([]Flag, 0, bytes/1024)}
	var groupTypes, minimal, matching Value // camelCase, which yields to the server's spelling
	wrong := errNoFlags
	for d.Open(); !d.Close(); {
		name := string(d.member())
		if name == "flags" {
			if k := kindOf(d.Peek()); k != Array {
				d.skip()
				wrong = errors.New("flags: want an array, found " + k.String())
				continue
			}
			wrong = nil
			defs.Flags = defs.Flags[:0]
			d.flags(defs)
			continue
		}
		if name == "cohorts" {
			d.cohorts(defs)
			continue
		}
		v := d.skip()
		switch name {
		case "group_type_mapping":
			groupTypes = v
		case "groupTypeMapping":
			groupTypes = first(groupTypes, v)
		case "minimal_flag_called_events":
			minimal = v
		case "minimalFlagCalledEvents":
			minimal = first(minimal, v)
		case "property_matching_version":
			matching = v
		case "propertyMatchingVersion":
			matching = first(matching, v)
		}
	}
	if wrong != nil {
		return nil, wrong
	}
	defs.GroupTypes = d.groupTypes(defs, groupTypes)
	defs.MinimalFlagCalledEvents = minimal.IsTrue()
	if string(matching) == "2" {
		defs.PropertyMatchingVersion = 2
	}
	return defs, nil
}

func first(a, b Value) Value {
	if a != nil {
		return a
	}
	return b
}

func (d *decoder) groupTypes(defs *Definitions, v Value) map[string]string {
	if v.IsNull() {
		return nil
	}
	if v.Kind() != Object {
		defs.Problems = append(defs.Problems, &Problem{Path: "group_type_mapping", What: wanted(Object, v.Kind())})
		return nil
	}
	types := map[string]string{}
	for index, name := range v.Members() {
		if name.Kind() != String {
			defs.Problems = append(defs.Problems, &Problem{Path: "group_type_mapping." + index, What: wanted(String, name.Kind())})
			continue
		}
		types[index] = name.Text()
	}
	return types
}
