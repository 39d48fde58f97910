package engine

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/hogflags/hogflags/internal/jsonscan"
	"github.com/hogflags/hogflags/rules"
)

// frame adds what is true of a subject, but not for its own request to say:
// "complete" names the properties that are given whole ("person", "group:<group
// type>"), "contexts" are the evaluation contexts.
func frame(s *rules.Subject, text []byte) error {
	members, err := decode(text)
	if err != nil {
		return errors.New("read frame: " + err.Error())
	}
	complete, err := texts(members, "complete")
	if err != nil {
		return err
	}
	for _, name := range complete {
		group, isGroup := strings.CutPrefix(name, "group:")
		switch {
		case isGroup && group != "":
			s.CompleteGroups = append(s.CompleteGroups, group)
		case name == "person":
			s.CompletePerson = true
		default:
			return errors.New("complete: " + name + ` is neither "person" nor "group:<group type>"`)
		}
	}
	s.Contexts, err = texts(members, "contexts")
	return err
}

// subject reads the members of the body of POST /flags that evaluation looks at.
func (q *Question) subject() (rules.Subject, error) {
	s := rules.Subject{Now: q.Now, Runtime: q.Runtime}
	if len(q.Frame) > 0 {
		if err := frame(&s, q.Frame); err != nil {
			return s, err
		}
	}
	members, err := decode(q.Subject)
	if err != nil {
		return s, errors.New("read subject: " + err.Error())
	}
	if s.DistinctID, err = identifier(members, "distinct_id"); err != nil {
		return s, err
	}
	if s.DeviceID, err = identifier(members, "device_id"); err != nil {
		return s, err
	}
	if s.Groups, err = objectIn(members, "groups"); err != nil {
		return s, err
	}
	if s.PersonProperties, err = objectIn(members, "person_properties"); err != nil {
		return s, err
	}
	groups, err := objectIn(members, "group_properties")
	if err != nil {
		return s, err
	}
	if len(groups) > 0 {
		s.GroupProperties = make(map[string]map[string]any, len(groups))
		for name := range groups {
			if s.GroupProperties[name], err = objectIn(groups, name); err != nil {
				return s, errors.New("group_properties: " + err.Error())
			}
		}
	}
	return s, nil
}

// decode reads a JSON object. Numbers keep their written form: 1.0 is not 1.
func decode(text []byte) (map[string]any, error) {
	v, ok := jsonscan.Decode(text)
	if !ok {
		return nil, errors.New("it is not one JSON value, or nested too deep")
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is not an object")
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
	return "", errors.New(name + ": want a string")
}

func objectIn(members map[string]any, name string) (map[string]any, error) {
	switch v := members[name].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	}
	return nil, errors.New(name + ": want an object")
}

func texts(members map[string]any, name string) ([]string, error) {
	list, ok := members[name].([]any)
	if !ok && members[name] != nil {
		return nil, errors.New(name + ": want a list of texts")
	}
	out := make([]string, len(list))
	for i, element := range list {
		if out[i], ok = element.(string); !ok {
			return nil, errors.New(name + ": want a list of texts")
		}
	}
	return out, nil
}
