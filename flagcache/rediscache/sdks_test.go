package rediscache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

// sdkData is what an SDK makes of a cached value.
type sdkData struct {
	flags, groups, cohorts any
	minimal                any
}

// sdk reads a cached value as the example of its documentation and the code
// behind that do.
type sdk struct {
	name   string
	camel  bool // of two spellings it reads this one, or this one alone
	snubs  bool // it does not know minimal_flag_called_events
	reads  func(doc map[string]any) (sdkData, error)
	author func(data sdkData) map[string]any // what it writes as a leader
}

var errKey = errors.New("key is missing")

// need fails as Python does with a missing key.
func need(doc map[string]any, names ...string) error {
	for _, name := range names {
		if _, ok := doc[name]; !ok {
			return fmt.Errorf("%w: %s", errKey, name)
		}
	}
	return nil
}

// either is the first member that is there.
func either(doc map[string]any, names ...string) any {
	for _, name := range names {
		if v, ok := doc[name]; ok {
			return v
		}
	}
	return nil
}

func snakeCase(d sdkData) map[string]any {
	doc := map[string]any{"flags": d.flags, "group_type_mapping": d.groups, "cohorts": d.cohorts}
	if d.minimal != nil {
		doc["minimal_flag_called_events"] = d.minimal
	}
	return doc
}

var sdks = []sdk{
	{name: "Node", camel: true,
		reads: func(doc map[string]any) (sdkData, error) {
			return sdkData{doc["flags"], doc["groupTypeMapping"], doc["cohorts"], doc["minimalFlagCalledEvents"]},
				need(doc, "flags", "groupTypeMapping", "cohorts")
		},
		author: func(d sdkData) map[string]any {
			doc := map[string]any{"flags": d.flags, "groupTypeMapping": d.groups, "cohorts": d.cohorts}
			if d.minimal != nil {
				doc["minimalFlagCalledEvents"] = d.minimal
			}
			return doc
		}},
	{name: "Node, which reads both spellings",
		reads: func(doc map[string]any) (sdkData, error) {
			return sdkData{doc["flags"], either(doc, "group_type_mapping", "groupTypeMapping"), doc["cohorts"],
				either(doc, "minimal_flag_called_events", "minimalFlagCalledEvents")}, need(doc, "flags", "cohorts")
		},
		author: snakeCase},
	{name: "Python",
		reads: func(doc map[string]any) (sdkData, error) {
			return sdkData{doc["flags"], doc["group_type_mapping"], doc["cohorts"], doc["minimal_flag_called_events"]},
				need(doc, "flags", "group_type_mapping", "cohorts")
		},
		author: snakeCase},
	{name: "Ruby",
		reads: func(doc map[string]any) (sdkData, error) {
			return sdkData{doc["flags"], doc["group_type_mapping"], doc["cohorts"], doc["minimal_flag_called_events"]},
				need(doc, "flags", "group_type_mapping", "cohorts")
		},
		author: snakeCase},
	{name: "PHP",
		reads: func(doc map[string]any) (sdkData, error) {
			return sdkData{doc["flags"], either(doc, "group_type_mapping", "groupTypeMapping"), doc["cohorts"],
				doc["minimal_flag_called_events"]}, need(doc, "flags")
		},
		author: snakeCase},
	{name: "JVM", snubs: true,
		reads: func(doc map[string]any) (sdkData, error) {
			return sdkData{doc["flags"], doc["group_type_mapping"], doc["cohorts"], nil}, need(doc, "flags")
		},
		author: snakeCase},
}

// parseJSON is the languages' parser: of equal keys the last counts.
func parseJSON(value []byte) (map[string]any, error) {
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	err := dec.Decode(&doc)
	return doc, err
}

// wantReadable holds a value to what each SDK has to find in it: what the body
// says, in whichever spelling.
func wantReadable(t interface{ Errorf(string, ...any) }, body string, value []byte) {
	upstream, err := parseJSON([]byte(body))
	if err != nil {
		t.Errorf("%q: %v", body, err)
		return
	}
	stored, err := parseJSON(value)
	if err != nil {
		t.Errorf("%q: %v", value, err)
		return
	}
	orEmpty := func(v any, ok bool) any {
		if !ok {
			return map[string]any{}
		}
		return v
	}
	for _, s := range sdks {
		groups, minimal := []string{"group_type_mapping", "groupTypeMapping"}, []string{"minimal_flag_called_events", "minimalFlagCalledEvents"}
		if s.camel {
			groups[0], groups[1] = groups[1], groups[0]
			minimal[0], minimal[1] = minimal[1], minimal[0]
		}
		_, hasGroups := upstream[groups[0]]
		_, hasOther := upstream[groups[1]]
		cohorts, hasCohorts := upstream["cohorts"]
		want := sdkData{upstream["flags"], orEmpty(either(upstream, groups...), hasGroups || hasOther), orEmpty(cohorts, hasCohorts), either(upstream, minimal...)}
		if s.snubs {
			want.minimal = nil
		}
		got, err := s.reads(stored)
		if _, hasFlags := upstream["flags"]; err != nil && hasFlags {
			t.Errorf("%s cannot read %q: %v", s.name, value, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s reads %+v out of %q, want %+v", s.name, got, value, want)
		}
	}
}

func TestSDKsReadWhatIsStored(t *testing.T) {
	for _, body := range bodies {
		if _, err := parseJSON([]byte(body)); err != nil {
			continue // 1e400 and the like: json.Number takes them, all the same
		}
		value, err := splice(memberEntry(body))
		if err != nil {
			t.Fatal(err)
		}
		wantReadable(t, body, value)
	}
}

// What the SDKs store themselves is another SDK's to us, and readable.
func TestSDKsWriteForeignDocuments(t *testing.T) {
	upstream, err := parseJSON([]byte(`{"flags":[{"key":"a","early_exit":true}],"group_type_mapping":{"0":"org"},"cohorts":{},"minimal_flag_called_events":true}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sdks {
		data, err := sdks[2].reads(upstream)
		if err != nil {
			t.Fatal(err)
		}
		value, err := json.Marshal(s.author(data))
		if err != nil {
			t.Fatal(err)
		}
		if e, err := strip(value); !errors.Is(err, errForeign) {
			t.Errorf("%s: %+v, %v; want it foreign", s.name, e, err)
		}
	}
}
