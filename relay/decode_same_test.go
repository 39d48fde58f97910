package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzSameAsEncodingJSON holds the relay to what encoding/json makes of a body,
// also to what it refuses, and why.
func FuzzSameAsEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		`{"context":{"targetingKey":"a","seats":1.50,"on":true,"none":null,"list":[1,{}]}}`,
		`{"Context":{"a":1},"other":[1],"CONTEXT":null}`, `{"cont\u0065xt":"x"}`, `null`, ``, ` `, `[]`, `7 8`, `{} {}`, `{"context":1}}`, `{"context":`,
		`{"token":"phc_x","distinct_id":7,"token":"phc_y","groups":{"a":1},"group_properties":{"a":{},"b":null},"flag_keys":["b"]}`,
		`{"group_properties":{"a":[]}}`, `{"a":"\ud800"}`, `{"person_properties":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !utf8.Valid(body) {
			return // refused before
		}
		context, err := contextOf(body)
		wantContext, wantErr := plainContextOf(body)
		if !reflect.DeepEqual(context, wantContext) || !errors.Is(err, wantErr) {
			t.Errorf("%q: context %#v, %v; want %#v, %v", body, context, err, wantContext, wantErr)
		}

		fields, err := members(body)
		var want map[string]json.RawMessage
		if wantErr := json.Unmarshal(body, &want); (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(fields, want) {
			t.Errorf("%q: members %s, %v; want %s, %v", body, fields, err, want, wantErr)
		}
		if err != nil {
			return
		}
		for name, raw := range fields {
			sameField[any](t, name, raw)
			sameField[string](t, name, raw)
			sameField[[]string](t, name, raw)
			sameField[map[string]any](t, name, raw)
			sameField[map[string]map[string]any](t, name, raw)
		}
	})
}

// sameField compares what a field of a type becomes.
func sameField[T any](t *testing.T, name string, raw json.RawMessage) {
	t.Helper()
	var got, want T
	err := decodeField(raw, &got)
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	wantErr := dec.Decode(&want)
	if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %s becomes %#v, %v; want %#v, %v", name, raw, got, err, want, wantErr)
	}
}

// plainContextOf is contextOf by encoding/json alone.
func plainContextOf(body []byte) (any, error) {
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
