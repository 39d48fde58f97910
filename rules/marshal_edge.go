//go:build hogflags_edge

package rules

import (
	"encoding/json"

	"github.com/hogflags/hogflags/flagdef"
)

// marshaled reads a value that came from JSON: others do not occur at the edge.
func marshaled(v any) operand {
	tree, err := flagdef.ParseValue(appendValue(nil, v))
	if err != nil {
		return operand{kind: undefined}
	}
	return valueOperand(tree)
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendQuoted(b, v)
	case json.Number:
		return append(b, v...)
	case bool:
		if v {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	case []any:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, element)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for name, member := range v {
			if b[len(b)-1] != '{' {
				b = append(b, ',')
			}
			b = append(appendQuoted(b, name), ':')
			b = appendValue(b, member)
		}
		return append(b, '}')
	default:
		return append(b, "null"...)
	}
}
