package engine

import (
	"strconv"

	"github.com/hogflags/hogflags/internal/jsonscan"
)

// encoding/json and what it needs to look at types are a fifth of the build, and
// most of the time until a first answer. Here few shapes are written.

// members are those of a JSON object that is being written.
type members struct {
	b     []byte
	later bool
}

// object writes a JSON object, whose members write adds.
func object(b []byte, write func(o *members)) []byte {
	o := members{b: append(b, '{')}
	write(&o)
	return append(o.b, '}')
}

func (o *members) name(name string) {
	if o.later {
		o.b = append(o.b, ',')
	}
	o.later = true
	o.b = append(o.b, '"')
	o.b = append(o.b, name...) // ours, without anything to escape
	o.b = append(o.b, `":`...)
}

func (o *members) null(name string) {
	o.name(name)
	o.b = append(o.b, "null"...)
}

func (o *members) text(name, value string) {
	o.name(name)
	o.b = jsonscan.AppendText(o.b, value)
}

// given is text, or null for nothing.
func (o *members) given(name, value string) {
	if value == "" {
		o.null(name)
		return
	}
	o.text(name, value)
}

// nonempty is text, left out for nothing.
func (o *members) nonempty(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *members) flag(name string, value bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, value)
}

func (o *members) integer(name string, value int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

// number writes a finite number.
func (o *members) number(name string, value float64) {
	o.name(name)
	o.b = strconv.AppendFloat(o.b, value, 'g', -1, 64)
}

// raw writes JSON, or null for nothing.
func (o *members) raw(name string, json []byte) {
	if json == nil {
		o.null(name)
		return
	}
	o.name(name)
	o.b = append(o.b, json...)
}

// value writes what an answer has as its value.
func (o *members) value(name string, value any) {
	switch value := value.(type) {
	case string:
		o.text(name, value)
	case bool:
		o.flag(name, value)
	default:
		o.null(name)
	}
}

// list writes n elements, each of which write appends.
func (o *members) list(name string, n int, write func(b []byte, i int) []byte) {
	o.name(name)
	o.b = append(o.b, '[')
	for i := range n {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = write(o.b, i)
	}
	o.b = append(o.b, ']')
}

func (o *members) texts(name string, values []string) {
	o.list(name, len(values), func(b []byte, i int) []byte { return jsonscan.AppendText(b, values[i]) })
}
