//go:build !hogflags_edge

package jsonscan

import (
	"encoding/json"
	"errors"
	"fmt"
)

// syntaxError lets the standard library say what is wrong.
func syntaxError(data []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON at byte %d: %w", syntax.Offset, err)
	}
	return fmt.Errorf("not JSON, or nested deeper than %d levels", maxLevel)
}
