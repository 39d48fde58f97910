//go:build !hogflags_edge

package rules

import (
	"encoding/json"

	"github.com/hogflags/hogflags/flagdef"
)

// marshaled reads a value by way of its JSON.
func marshaled(v any) (o operand) {
	defer func() {
		if recover() != nil { // a MarshalJSON of the caller's, and evaluation never panics
			o = operand{kind: undefined}
		}
	}()
	data, err := json.Marshal(v)
	if err != nil {
		return operand{kind: undefined}
	}
	tree, err := flagdef.ParseValue(data)
	if err != nil {
		return operand{kind: undefined}
	}
	return valueOperand(tree)
}
