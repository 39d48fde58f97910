package flagcache

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// FlagDefinitionCacheProvider is PostHog's contract for a shared cache of flag
// definitions, in Go. Implement it to share definitions over a store of your
// own, and give it to [FromProvider].
//
// Before each poll ShouldFetchFlagDefinitions is asked. If it says true,
// upstream is asked and OnFlagDefinitionsReceived gets the answer; else
// FlagDefinitions is read. Calls are bounded, a panic counts as an error, and
// no failure reaches an evaluation.
type FlagDefinitionCacheProvider interface {
	// FlagDefinitions returns what is cached, nil if nothing is. After an error
	// what is loaded is kept; if nothing is, upstream is asked.
	FlagDefinitions(ctx context.Context) (*FlagDefinitions, error)

	// ShouldFetchFlagDefinitions reports whether this process is the one to ask
	// upstream. An error counts as true.
	ShouldFetchFlagDefinitions(ctx context.Context) (bool, error)

	// OnFlagDefinitionsReceived stores what upstream sent. After an error it is
	// called again at the next polls until it succeeds.
	OnFlagDefinitionsReceived(ctx context.Context, d *FlagDefinitions) error

	// Shutdown gives back what the provider holds, such as a lock. It is called
	// once, after every other call has returned or was abandoned.
	Shutdown(ctx context.Context) error
}

// FlagDefinitions is the data that a provider keeps. As JSON it is the document
// itself, so json.Marshal and json.Unmarshal lose nothing, also not what this
// version does not know.
type FlagDefinitions struct {
	Flags                   []json.RawMessage          // in the order of the document
	GroupTypeMapping        map[string]string          // group type by index, as written
	Cohorts                 map[string]json.RawMessage // property groups by cohort id
	MinimalFlagCalledEvents bool                       // the server asks for slim $feature_flag_called events
	PropertyMatchingVersion int                        // how texts like "true" are compared: 2, or 0 for PostHog's first version
	Raw                     json.RawMessage            // the whole document; wins over the fields if set
}

// ParseFlagDefinitions reads a document in PostHog's form, or in the camelCase
// form of the SDKs that store it so. It keeps body.
func ParseFlagDefinitions(body []byte) (*FlagDefinitions, error) {
	var d struct {
		Flags     []json.RawMessage          `json:"flags"`
		Groups    map[string]string          `json:"group_type_mapping"`
		GroupsJS  map[string]string          `json:"groupTypeMapping"`
		Cohorts   map[string]json.RawMessage `json:"cohorts"`
		Minimal   bool                       `json:"minimal_flag_called_events"`
		MinimalJS bool                       `json:"minimalFlagCalledEvents"`
		Version   json.RawMessage            `json:"property_matching_version"`
		VersionJS json.RawMessage            `json:"propertyMatchingVersion"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("read flag definitions: %w", err)
	}
	if d.Flags == nil {
		return nil, errors.New("read flag definitions: the document has no flags")
	}
	if d.Groups == nil {
		d.Groups = d.GroupsJS
	}
	if d.Version == nil {
		d.Version = d.VersionJS
	}
	version := 0 // whatever is not 2 is the first
	if string(d.Version) == "2" {
		version = 2
	}
	return &FlagDefinitions{
		Flags:                   d.Flags,
		GroupTypeMapping:        d.Groups,
		Cohorts:                 d.Cohorts,
		MinimalFlagCalledEvents: d.Minimal || d.MinimalJS,
		PropertyMatchingVersion: version,
		Raw:                     body,
	}, nil
}

// Document returns the bytes of the document: Raw, or else the fields in
// PostHog's form.
func (d *FlagDefinitions) Document() ([]byte, error) {
	if len(d.Raw) > 0 {
		return d.Raw, nil
	}
	doc := map[string]any{
		"flags":              emptyIfNil(d.Flags),
		"group_type_mapping": d.GroupTypeMapping,
		"cohorts":            d.Cohorts,
	}
	if d.MinimalFlagCalledEvents {
		doc["minimal_flag_called_events"] = true
	}
	if d.PropertyMatchingVersion != 0 {
		doc["property_matching_version"] = d.PropertyMatchingVersion
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write flag definitions: %w", err)
	}
	return body, nil
}

// MarshalJSON writes the document, of a value as of a pointer.
func (d FlagDefinitions) MarshalJSON() ([]byte, error) { return d.Document() }

// UnmarshalJSON reads a document, as [ParseFlagDefinitions] does.
func (d *FlagDefinitions) UnmarshalJSON(body []byte) error {
	p, err := ParseFlagDefinitions(bytes.Clone(body))
	if err != nil {
		return err
	}
	*d = *p
	return nil
}

func emptyIfNil(flags []json.RawMessage) []json.RawMessage {
	if flags == nil {
		return []json.RawMessage{}
	}
	return flags
}
