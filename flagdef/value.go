package flagdef

import (
	"iter"

	"github.com/hogflags/hogflags/internal/jsonscan"
)

// Value is one JSON value as it is written in a document, without blanks
// around it. A nil Value means that the value is absent, which is not the
// same as null.
//
// Values come from [Parse] and [ParseValue], which have checked that they are
// JSON; the methods rely on it.
type Value []byte

// Kind is the JSON type of a value.
type Kind uint8

// The kinds of a Value. Absent is the kind of a nil Value.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"nothing", "null", "a boolean", "a number", "a string", "an array", "an object"}

// String names the kind as an error message would: "a number", "null".
func (k Kind) String() string { return kindNames[k] }

// ParseValue checks that data is one JSON value nested no deeper than
// [MaxDepth] and returns it as a Value that shares data's memory.
func ParseValue(data []byte) (Value, error) {
	c := jsonscan.New(data)
	v, depth := c.Value()
	if err := c.End(); err != nil {
		return nil, err
	}
	if depth > MaxDepth {
		return nil, errTooDeep
	}
	return v, nil
}

// Kind returns the JSON type of v.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return Absent
	}
	return kindOf(v[0])
}

func kindOf(first byte) Kind {
	switch first {
	case 'n':
		return Null
	case 't', 'f':
		return Bool
	case '"':
		return String
	case '[':
		return Array
	case '{':
		return Object
	default:
		return Number
	}
}

// IsNull reports whether v is absent or null.
func (v Value) IsNull() bool { return len(v) == 0 || v[0] == 'n' }

// IsTrue reports whether v is the boolean true.
func (v Value) IsTrue() bool { return len(v) > 0 && v[0] == 't' }

// Text returns the content of a string, with every escape resolved and
// invalid UTF-8 replaced by U+FFFD. It is "" for a value of any other kind.
func (v Value) Text() string {
	if v.Kind() != String {
		return ""
	}
	return jsonscan.Unquote(v)
}

// Elements yields the elements of an array in order, and nothing for a value
// of any other kind.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			return
		}
		c := jsonscan.New(v)
		for c.Open(); !c.Close(); {
			element, _ := c.Value()
			if !yield(element) {
				return
			}
		}
	}
}

// Members yields the members of an object in the order they are written,
// repeated names included, and nothing for a value of any other kind.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.Kind() != Object {
			return
		}
		c := jsonscan.New(v)
		for c.Open(); !c.Close(); {
			name := jsonscan.Unquote(c.Name())
			member, _ := c.Value()
			if !yield(name, member) {
				return
			}
		}
	}
}
