package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hogflags/hogflags/rules"
)

// frame is what is true of a subject, but not for the subject's own request to
// say.
type frame struct {
	// Complete names the properties that are given whole: "person",
	// "group:<group type>".
	Complete []string `json:"complete"`

	// Contexts are the evaluation contexts.
	Contexts []string `json:"contexts"`
}

// subject reads the members of the body of POST /flags that evaluation looks at.
func (q *Question) subject() (rules.Subject, error) {
	s := rules.Subject{Now: q.Now, Runtime: q.Runtime}
	if len(q.Frame) > 0 {
		var f frame
		if err := json.Unmarshal(q.Frame, &f); err != nil {
			return s, fmt.Errorf("read frame: %w", err)
		}
		s.Contexts = f.Contexts
		for _, name := range f.Complete {
			group, isGroup := strings.CutPrefix(name, "group:")
			switch {
			case isGroup && group != "":
				s.CompleteGroups = append(s.CompleteGroups, group)
			case name == "person":
				s.CompletePerson = true
			default:
				return s, fmt.Errorf(`complete: %q is neither "person" nor "group:<group type>"`, name)
			}
		}
	}
	members, err := decode(q.Subject)
	if err != nil {
		return s, err
	}
	if s.DistinctID, err = identifier(members, "distinct_id"); err != nil {
		return s, err
	}
	if s.DeviceID, err = identifier(members, "device_id"); err != nil {
		return s, err
	}
	if s.Groups, err = object(members, "groups"); err != nil {
		return s, err
	}
	if s.PersonProperties, err = object(members, "person_properties"); err != nil {
		return s, err
	}
	groups, err := object(members, "group_properties")
	if err != nil {
		return s, err
	}
	if len(groups) > 0 {
		s.GroupProperties = make(map[string]map[string]any, len(groups))
		for name := range groups {
			if s.GroupProperties[name], err = object(groups, name); err != nil {
				return s, fmt.Errorf("group_properties: %w", err)
			}
		}
	}
	return s, nil
}

// decode reads a JSON object. Numbers keep their written form: 1.0 is not 1.
func decode(text []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var members map[string]any
	if err := dec.Decode(&members); err != nil {
		return nil, fmt.Errorf("read subject: %w", err)
	}
	if members == nil {
		return nil, errors.New("read subject: null is not an object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("read subject: more than one JSON value")
	}
	return members, nil
}

func identifier(members map[string]any, name string) (string, error) {
	switch v := members[name].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		// Others are written in more than one way.
		if digits := strings.TrimPrefix(v.String(), "-"); len(digits) <= 15 && !strings.ContainsAny(digits, ".eE") {
			return v.String(), nil
		}
	}
	return "", fmt.Errorf("%s: want a string", name)
}

func object(members map[string]any, name string) (map[string]any, error) {
	switch v := members[name].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	}
	return nil, fmt.Errorf("%s: want an object", name)
}
