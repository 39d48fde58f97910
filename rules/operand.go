package rules

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// operand is a property's value as the server sees it after the JSON of a
// request has been parsed. It is small enough to travel in registers.
type operand struct {
	kind operandKind
	text string // the content of a string, as given; the digits of an unsigned; the JSON of a composite
	bits uint64 // an integer, or the bits of a float
}

type operandKind uint8

const (
	absent    operandKind = iota // known to be missing
	undefined                    // there is a value, but what the server makes of it is not settled
	null
	boolTrue
	boolFalse
	text
	integer
	unsigned // an integer above the int64 range
	float
	rough     // a float that the server may read a little off, see readings; text has it as written
	composite // array or object
)

// operandOf reads a value of a Subject. Strings and numbers, which is what
// properties nearly always are, cost no allocation.
func operandOf(v any) operand {
	switch v := v.(type) {
	case string:
		return operand{kind: text, text: v}
	case bool:
		return boolOperand(v)
	case nil:
		return operand{kind: null}
	case int:
		return intOperand(int64(v))
	case int64:
		return intOperand(v)
	case int32:
		return intOperand(int64(v))
	case int16:
		return intOperand(int64(v))
	case int8:
		return intOperand(int64(v))
	case uint8:
		return intOperand(int64(v))
	case uint16:
		return intOperand(int64(v))
	case uint32:
		return intOperand(int64(v))
	case uint64:
		return uintOperand(v)
	case uint:
		return uintOperand(uint64(v))
	case float64:
		return goFloat(v, 64)
	case float32:
		return goFloat(float64(v), 32)
	case json.Number:
		return numberOperand(string(v))
	case time.Time:
		return operand{kind: text, text: v.Format(time.RFC3339Nano)}
	case flagdef.Value:
		return valueOperand(v)
	default:
		return marshaled(v)
	}
}

func boolOperand(b bool) operand {
	if b {
		return operand{kind: boolTrue}
	}
	return operand{kind: boolFalse}
}

func intOperand(n int64) operand {
	return operand{kind: integer, bits: uint64(n)}
}

func floatOperand(x float64) operand { return operand{kind: float, bits: math.Float64bits(x)} }

func (o operand) int() int64     { return int64(o.bits) }
func (o operand) float() float64 { return math.Float64frombits(o.bits) }

func uintOperand(n uint64) operand {
	if n <= math.MaxInt64 {
		return intOperand(int64(n))
	}
	return operand{kind: unsigned, text: strconv.FormatUint(n, 10), bits: n}
}

// goFloat is a Go float as encoding/json writes it: float64(1) travels as the
// integer 1.
func goFloat(x float64, bits int) operand {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return operand{kind: undefined} // cannot be sent
	case x == math.Trunc(x) && math.Abs(x) < 1<<53 && !(x == 0 && math.Signbit(x)):
		return intOperand(int64(x))
	case math.Abs(x) < 1e21 && x == math.Trunc(x):
		return numberOperand(strconv.FormatFloat(x, 'f', -1, bits))
	case bits == 32:
		return numberOperand(strconv.FormatFloat(x, 'g', -1, 32))
	default:
		return shortestOperand(x)
	}
}

// numberOperand reads a JSON number. The server keeps integers that fit in 64
// bits and turns every other number into a float64; -0 is one of those.
func numberOperand(s string) operand {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && s != "-0" && s[0] != '+' {
		return intOperand(n)
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && s[0] != '+' {
		return uintOperand(n)
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !validNumber(s) {
		return operand{kind: undefined}
	}
	return writtenFloat(s, x)
}

// validNumber reports whether s is a JSON number; a json.Number may hold
// anything.
func validNumber(s string) bool {
	v, err := flagdef.ParseValue([]byte(s))
	return err == nil && v.Kind() == flagdef.Number
}

// valueOperand reads a value of a definitions document.
func valueOperand(v flagdef.Value) operand {
	switch v.Kind() {
	case flagdef.Absent, flagdef.Null:
		return operand{kind: null}
	case flagdef.Bool:
		return boolOperand(v.IsTrue())
	case flagdef.Number:
		return numberOperand(string(v))
	case flagdef.String:
		return operand{kind: text, text: v.Text()}
	default:
		return operand{kind: composite, text: string(v)}
	}
}

// string returns the text that the server compares. ok is false if it is not
// settled.
func (o operand) string() (s string, ok bool) {
	switch o.kind {
	case null:
		return "null", true
	case boolTrue:
		return "true", true
	case boolFalse:
		return "false", true
	case text, unsigned:
		return o.text, true
	case integer:
		return strconv.FormatInt(o.int(), 10), true
	case float:
		b, ok := appendFloat(nil, o.float())
		return string(b), ok
	case composite:
		b, ok := appendJSON(nil, flagdef.Value(o.text))
		return string(b), ok
	default:
		return "", false
	}
}

// numeric returns the number that the server compares: a number, or a string
// in its float grammar.
func (o operand) numeric() (x float64, ok bool) {
	switch o.kind {
	case integer:
		return float64(o.int()), true
	case unsigned:
		return float64(o.bits), true
	case float:
		return o.float(), true
	case text:
		return parseFloat(o.text)
	default:
		return 0, false
	}
}
