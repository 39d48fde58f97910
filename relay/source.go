package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Source is where a secret is found: in a variable of the environment or in a
// file. Exactly one is set, or none where there is no secret.
type Source struct {
	Env  string `yaml:"env"`
	File string `yaml:"file"`

	// Value is the secret itself, for who has it at hand. A file of
	// configuration cannot hold it.
	Value string `yaml:"-"`
}

const maxSecretBytes = 64 << 10

// UnmarshalYAML takes a place, and no secret: whose beginning the library's own
// error would show.
func (s *Source) UnmarshalYAML(node *yaml.Node) error {
	wrong := fmt.Errorf("line %d: a secret is not to be in this file: say where it is, as {env: NAME} or {file: PATH}", node.Line)
	if node.Kind != yaml.MappingNode {
		return wrong
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		switch {
		case value.Kind != yaml.ScalarNode:
			return wrong
		case name.Value == "env":
			s.Env = value.Value
		case name.Value == "file":
			s.File = value.Value
		default:
			return wrong
		}
	}
	return nil
}

func (s Source) set() bool { return s != Source{} }

// String says where the secret is.
func (s Source) String() string {
	switch {
	case s.Env != "":
		return "environment variable " + s.Env
	case s.File != "":
		return "file " + s.File
	case s.Value != "":
		return "[redacted]"
	}
	return "not set"
}

// Format writes String for every verb, so that no verb reaches the Value.
func (s Source) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText is String.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s Source) check() error {
	given := 0
	for _, v := range []string{s.Env, s.File, s.Value} {
		if v != "" {
			given++
		}
	}
	if given > 1 {
		return errors.New("env and file exclude each other")
	}
	return nil
}

// read reads the secret. Its errors name the source, not the secret.
func (s Source) read() (string, error) {
	var text string
	switch {
	case s.Env != "":
		text = os.Getenv(s.Env)
	case s.File != "":
		b, err := readFile(s.File, maxSecretBytes)
		if err != nil {
			return "", err
		}
		text = string(b)
	default:
		text = s.Value
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", fmt.Errorf("%s is empty", s)
	}
	return text, nil
}

// get is read as posthogapi wants it.
func (s Source) get(context.Context) (string, error) { return s.read() }
