package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/hogflags/hogflags/internal/jsonscan"
)

// What is read here is what encoding/json reads, at a fraction of its price. It
// stays the judge of what the cursor does not take.

// members are those of the object that a body is, by name.
func members(body []byte) (fields map[string]json.RawMessage, err error) {
	c := jsonscan.New(body)
	if c.Peek() == '{' {
		fields = map[string]json.RawMessage{}
		for c.Open(); !c.Close(); {
			name := jsonscan.Unquote(c.Name())
			fields[name], _ = c.Value()
		}
		if c.Whole() {
			return fields, nil
		}
		fields = nil
	}
	err = json.Unmarshal(body, &fields)
	return fields, err
}

// decodeSlowly decodes a value of which numbers keep their written form: 1.0 is
// not 1. So does jsonscan.
func decodeSlowly(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec.Decode(into)
}

var (
	errNoContext = errors.New(`want {"context":{"targetingKey":"…"}}`)
	errMore      = errors.New("more than one JSON value")
)

// contextOf is the context of a body of OFREP, nil if there is none.
func contextOf(body []byte) (v any, err error) {
	if v, ok := jsonscan.DecodeMember(body, isContext); ok {
		return v, nil
	}
	var wire struct {
		Context any `json:"context"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&wire); err != nil && !errors.Is(err, io.EOF) {
		return nil, errNoContext
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errMore
	}
	return wire.Context, nil
}

func isContext(name string) bool { return strings.EqualFold(name, "context") }
