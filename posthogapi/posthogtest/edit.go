package posthogtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// SetDefinitions replaces the document. Any bytes are served as they are; with
// those that are no definitions document, POST /flags answers 500. The server
// keeps body: do not change it afterwards.
func (s *Server) SetDefinitions(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.document = newDocument(body, s.unlisted)
}

// Definitions returns the document that is being served. Do not change it.
func (s *Server) Definitions() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.document.body
}

// SetActive switches a flag on or off. It fails if the document has no such flag.
func (s *Server) SetActive(key string, active bool) error {
	return s.EditFlag(key, func(flag map[string]any) { flag["active"] = active })
}

// SetRollout gives every condition set of a flag this percentage (0 to 100).
// It fails if the document has no such flag.
func (s *Server) SetRollout(key string, percentage float64) error {
	return s.EditFlag(key, func(flag map[string]any) {
		filters, _ := flag["filters"].(map[string]any)
		groups, _ := filters["groups"].([]any)
		for _, g := range groups {
			if g, ok := g.(map[string]any); ok {
				g["rollout_percentage"] = percentage
			}
		}
	})
}

// EditFlag changes one flag of the document: edit gets the flag as decoded
// JSON, numbers as json.Number, and changes it in place. The rest of the
// document keeps its content. It fails if the document has no such flag.
// edit must not call the server's methods.
func (s *Server) EditFlag(key string, edit func(flag map[string]any)) error {
	return s.editFlags(func(flags []json.RawMessage) ([]json.RawMessage, error) {
		i, flag, err := findFlag(flags, key)
		if err != nil {
			return nil, err
		}
		edit(flag)
		if flags[i], err = json.Marshal(flag); err != nil {
			return nil, fmt.Errorf("edit flag %q: %w", key, err)
		}
		return flags, nil
	})
}

// AddFlag appends a flag, a JSON object as PostHog writes it.
func (s *Server) AddFlag(flag []byte) error {
	return s.editFlags(func(flags []json.RawMessage) ([]json.RawMessage, error) {
		return append(flags, flag), nil
	})
}

// RemoveFlag takes a flag out. It fails if the document has no such flag.
func (s *Server) RemoveFlag(key string) error {
	return s.editFlags(func(flags []json.RawMessage) ([]json.RawMessage, error) {
		i, _, err := findFlag(flags, key)
		if err != nil {
			return nil, err
		}
		return slices.Delete(flags, i, i+1), nil
	})
}

// AddUnlistedFlag adds a flag that POST /flags answers for and the definitions
// leave out, as PostHog leaves out those of surveys. It stays until the server
// is closed.
func (s *Server) AddUnlistedFlag(flag []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlisted = append(slices.Clone(s.unlisted), flag)
	s.document = newDocument(s.document.body, s.unlisted)
}

func (s *Server) editFlags(edit func([]json.RawMessage) ([]json.RawMessage, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := withFlags(s.document.body, edit)
	if err != nil {
		return err
	}
	s.document = newDocument(body, s.unlisted)
	return nil
}

// withFlags is a document with other flags.
func withFlags(document []byte, edit func([]json.RawMessage) ([]json.RawMessage, error)) ([]byte, error) {
	var members map[string]json.RawMessage
	var flags []json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, fmt.Errorf("edit definitions: %w", err)
	}
	if err := json.Unmarshal(members["flags"], &flags); err != nil {
		return nil, fmt.Errorf("edit definitions: read flags: %w", err)
	}
	flags, err := edit(flags)
	if err != nil {
		return nil, err
	}
	if members["flags"], err = json.Marshal(flags); err != nil {
		return nil, fmt.Errorf("edit definitions: %w", err)
	}
	body, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("edit definitions: %w", err)
	}
	return body, nil
}

func findFlag(flags []json.RawMessage, key string) (int, map[string]any, error) {
	for i, raw := range flags {
		var flag map[string]any
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber() // 1.0 must stay 1.0
		if dec.Decode(&flag) == nil && flag["key"] == key {
			return i, flag, nil
		}
	}
	return 0, nil, fmt.Errorf("edit flag %q: the definitions have no such flag", key)
}
