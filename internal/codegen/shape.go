package codegen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/hogflags/hogflags/flagdef"
)

// kind is what JSON values have in common.
type kind uint8

const (
	unseen kind = iota // no value yet, as in an empty list
	mixed              // nothing
	boolean
	integer
	number
	text
	list
	object
)

// shape is the type of some JSON values.
type shape struct {
	kind   kind
	elem   *shape            // of a list
	fields map[string]*shape // of an object
}

// shapeOf is the shape of a payload, as a client decodes it: mostly a JSON text
// that holds JSON.
func shapeOf(payload flagdef.Value) *shape {
	raw := []byte(payload)
	var inner string
	if json.Unmarshal(raw, &inner) == nil && json.Valid([]byte(inner)) {
		raw = []byte(inner)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil && err != io.EOF {
		return &shape{kind: mixed}
	}
	return shapeOfValue(v)
}

func shapeOfValue(v any) *shape {
	switch v := v.(type) {
	case bool:
		return &shape{kind: boolean}
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return &shape{kind: integer}
		}
		return &shape{kind: number}
	case string:
		return &shape{kind: text}
	case []any:
		s := &shape{kind: list, elem: &shape{}}
		for _, e := range v {
			s.elem = merge(s.elem, shapeOfValue(e))
		}
		return s
	case map[string]any:
		s := &shape{kind: object, fields: map[string]*shape{}}
		for name, field := range v {
			if !taggable(name) {
				return &shape{kind: mixed}
			}
			s.fields[name] = shapeOfValue(field)
		}
		return s
	}
	return &shape{kind: mixed} // null may stand for anything
}

// merge is the shape of values of two shapes.
func merge(a, b *shape) *shape {
	switch {
	case a.kind == unseen:
		return b
	case b.kind == unseen:
		return a
	case a.kind != b.kind:
		if numeric(a.kind) && numeric(b.kind) {
			return &shape{kind: number}
		}
		return &shape{kind: mixed}
	case a.kind == list:
		return &shape{kind: list, elem: merge(a.elem, b.elem)}
	case a.kind == object:
		if len(a.fields) != len(b.fields) {
			return &shape{kind: mixed}
		}
		m := &shape{kind: object, fields: map[string]*shape{}}
		for name, field := range a.fields {
			other, ok := b.fields[name]
			if !ok {
				return &shape{kind: mixed}
			}
			m.fields[name] = merge(field, other)
		}
		return m
	}
	return a
}

func numeric(k kind) bool { return k == integer || k == number }

// taggable reports whether encoding/json takes a name from a struct tag.
func taggable(name string) bool {
	return name != "" && name != "-" && !strings.ContainsFunc(name, func(r rune) bool {
		return r < ' ' || r > '~' || strings.ContainsRune("\"'\\`,", r)
	})
}

// source is the Go type.
func (s *shape) source() string {
	switch s.kind {
	case boolean:
		return "bool"
	case integer:
		return "int64"
	case number:
		return "float64"
	case text:
		return "string"
	case list:
		return "[]" + s.elem.source()
	case object:
		names := slices.Sorted(maps.Keys(s.fields))
		fields := named(names, "Field")
		var b strings.Builder
		b.WriteString("struct {\n")
		for _, name := range names {
			fmt.Fprintf(&b, "%s %s `json:%q`\n", fields[name], s.fields[name].source(), name)
		}
		b.WriteString("}")
		return b.String()
	}
	return "json.RawMessage"
}
