package jsonscan

import (
	"encoding/json"
	"unicode/utf8"
)

// Decode builds what encoding/json makes of data for an any, with numbers as they
// are written ([json.Number]). It is false for what it leaves to encoding/json:
// data that is not one JSON value, or nested deep.
func Decode(data []byte) (v any, ok bool) {
	b := builder{Cursor: New(data), text: string(data), valid: utf8.Valid(data)}
	v = b.value()
	return v, b.Whole()
}

// DecodeMember is Decode for one member of the object that data is, the last whose
// name is the one that is looked for; nothing else is built. v is nil without one.
func DecodeMember(data []byte, named func(name string) bool) (v any, ok bool) {
	b := builder{Cursor: New(data), text: string(data), valid: utf8.Valid(data)}
	if b.Peek() != '{' {
		return nil, false
	}
	for b.Open(); !b.Close(); {
		begin := b.pos
		if named(b.part(begin, b.Name())) {
			v = b.value()
		} else {
			b.Value()
		}
	}
	return v, b.Whole()
}

// builder builds values whose texts are parts of one.
type builder struct {
	Cursor
	text  string // the data
	valid bool   // it is UTF-8
}

func (b *builder) value() any {
	switch b.Peek() {
	case '{':
		object := map[string]any{}
		for b.Open(); !b.Close(); {
			begin := b.pos
			name := b.part(begin, b.Name())
			object[name] = b.value()
		}
		return object
	case '[':
		array := []any{}
		for b.Open(); !b.Close(); {
			array = append(array, b.value())
		}
		return array
	case '"':
		begin := b.pos
		return b.part(begin, b.Literal())
	}
	literal, _ := b.Value()
	switch {
	case len(literal) == 0 || literal[0] == 'n':
		return nil
	case literal[0] == 't' || literal[0] == 'f':
		return literal[0] == 't'
	}
	return json.Number(b.text[b.pos-len(literal) : b.pos])
}

// part is the content of a literal that was read from begin on.
func (b *builder) part(begin int, literal []byte) string {
	switch {
	case b.broken:
		return ""
	case b.escaped || !b.valid:
		return Unquote(literal)
	}
	return b.text[begin+1 : begin+len(literal)-1]
}
