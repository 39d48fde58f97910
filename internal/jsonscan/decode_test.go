package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/hogflags/hogflags/internal/jsonscan"
)

// reference is what encoding/json makes of data.
func reference(data []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// What is decoded is what encoding/json decodes, and nothing but depth is left
// to it that it takes.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"context":{"targetingKey":"a","seats":1.50,"on":true,"off":false,"none":null,"list":[1,"b",{}],"e":[]}}`,
		`{"a":1,"a":{"b":2}, "a" : "\u00e4\ud83d\ude00\ud800 \"\/"}`, "\"\xff\xc3\xa4\"", "{\"\xff\":\"\\n\"}",
		` -0.1e+5 `, `01`, `1.`, `-`, `[1,]`, `{"a":}`, `{"a"}`, `{,}`, `[`, `"`, `nul`, `null x`, `{} {}`, "\"\t\"", ``, ` `,
		strings.Repeat("[", 100) + strings.Repeat("]", 100), strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kept := bytes.Clone(data)
		got, ok := jsonscan.Decode(data)
		want, err := reference(data)
		switch {
		case ok && err != nil:
			t.Fatalf("took %q, of which encoding/json says: %v", data, err)
		case !ok && err == nil && bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) < 250:
			t.Fatalf("left %q, which encoding/json takes", data)
		case !ok:
			return
		}
		clear(data)                        // the value does not need it any more
		if !reflect.DeepEqual(got, want) { // cmp.Diff takes for ever where much is nested
			t.Errorf("%q: got %#v, want %#v", kept, got, want)
		}
	})
}
