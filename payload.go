package hogflags

import (
	"encoding/json"
	"fmt"
)

// DecodePayload decodes a payload into what v points to. PostHog stores payloads
// as JSON in a JSON string: what is in the string is decoded if it is JSON and
// fits v, else the string itself is.
func DecodePayload(raw json.RawMessage, v any) error {
	var text string
	if json.Unmarshal(raw, &text) != nil || !json.Valid([]byte(text)) {
		return json.Unmarshal(raw, v)
	}
	err := json.Unmarshal([]byte(text), v)
	if err != nil && json.Unmarshal(raw, v) == nil {
		return nil
	}
	return err
}

// payloadErr says why the payload of a flag that is decided is not known.
func payloadErr(a *Answer) error {
	if a.PayloadKnown() {
		return nil
	}
	return fmt.Errorf("%w: the payload of %q is encrypted: ask for it by GetRemoteConfigPayload", ErrInconclusive, a.Key())
}
