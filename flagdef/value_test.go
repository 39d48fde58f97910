package flagdef_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/internal/conformance"
)

func TestValue(t *testing.T) {
	v, err := flagdef.ParseValue([]byte(`{"a": [1.0, "x\u00e9\"\\", null, true, {}], "a": "again"}`))
	if err != nil {
		t.Fatal(err)
	}
	var names, texts []string
	for name, member := range v.Members() {
		names = append(names, name)
		for element := range member.Elements() {
			texts = append(texts, element.Kind().String()+" "+string(element)+" "+element.Text())
		}
	}
	if want := []string{"a", "a"}; !reflect.DeepEqual(names, want) {
		t.Errorf("members %q, want %q", names, want)
	}
	want := []string{
		"a number 1.0 ", `a string "x\u00e9\"\\" xé"\`, "null null ", "a boolean true ", "an object {} ",
	}
	if !reflect.DeepEqual(texts, want) {
		t.Errorf("elements %q, want %q", texts, want)
	}
}

func TestValue_absent(t *testing.T) {
	var v flagdef.Value
	if v.Kind() != flagdef.Absent || !v.IsNull() || v.Text() != "" || v.IsTrue() {
		t.Errorf("an absent value is %s", v.Kind())
	}
	for range v.Elements() {
		t.Error("an absent value has elements")
	}
	for range v.Members() {
		t.Error("an absent value has members")
	}
}

func TestParseValue_invalid(t *testing.T) {
	for _, s := range []string{"", "{", "[1,]", "nul", `"a`, "1 2", strings.Repeat("[", 200) + strings.Repeat("]", 200)} {
		if v, err := flagdef.ParseValue([]byte(s)); err == nil {
			t.Errorf("ParseValue(%.20q) = %s, want an error", s, v)
		}
	}
}

// FuzzValue compares what a Value yields with what encoding/json reads.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{
		`null`, `[1,-2.5e10,"a\\\"b\u0000\ud83d\ude00",true]`, `{"":{"x":[[]]}," y ":""}`, "[\"\xff\",\"\\ud800\"]", ` { "a" : [ ] } `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := flagdef.ParseValue(data)
		if err != nil {
			if json.Valid(data) && !strings.Contains(err.Error(), "nested deeper") {
				t.Fatalf("valid JSON is refused: %v", err)
			}
			return
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Fatalf("invalid JSON is taken: %v", err)
		}
		if got := generic(v); !reflect.DeepEqual(got, want) {
			t.Fatalf("read %#v, want %#v", got, want)
		}
	})
}

// conformanceDocuments are the definitions of the conformance cases.
func conformanceDocuments(tb testing.TB) (documents [][]byte) {
	tb.Helper()
	file, err := os.Open("../rules/testdata/cases.jsonl.gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for c, err := range conformance.Read(file) {
		if err != nil {
			tb.Fatal(err)
		}
		documents = append(documents, c.Definitions)
	}
	return documents
}

// TestParse_conformance reads the documents of all cases. What is wrong with a
// few of their cohorts is meant to be.
func TestParse_conformance(t *testing.T) {
	documents := conformanceDocuments(t)
	if len(documents) < 1500 {
		t.Fatalf("%d documents", len(documents))
	}
	for i, document := range documents {
		defs, err := flagdef.Parse(document)
		if err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		for _, p := range defs.Problems {
			t.Errorf("document %d: %v", i, p)
		}
		for _, f := range defs.Flags {
			if f.Problem != nil {
				t.Errorf("document %d: %v", i, f.Problem)
			}
		}
	}
}

// TestParse_damaged damages a document in every place.
func TestParse_damaged(t *testing.T) {
	const document = `{"flags": [{"id": 1, "key": "a\n", "active": true, "filters": {"groups": [{"properties": [
		{"key": "p", "type": "person", "value": ["x", -1.5e3, null], "operator": "exact"}], "rollout_percentage": 50}],
		"payloads": {"true": "{}"}, "multivariate": null}}], "cohorts": {"7": {"type": "OR", "values": []}}}`
	for i := range document {
		for _, b := range "\x00 \"\\{}[],:0-.eEtn\xff" {
			damaged := []byte(document)
			damaged[i] = byte(b)
			for _, data := range [][]byte{damaged, []byte(document)[:i]} {
				_, err := flagdef.Parse(data)
				refused := err != nil && strings.Contains(err.Error(), "not JSON")
				if valid := json.Valid(data); refused == valid {
					t.Errorf("valid %v, but %v: %s", valid, err, data)
				}
			}
		}
	}
}

func generic(v flagdef.Value) any {
	switch v.Kind() {
	case flagdef.Bool:
		return v.IsTrue()
	case flagdef.Number:
		return json.Number(v)
	case flagdef.String:
		return v.Text()
	case flagdef.Array:
		list := []any{}
		for element := range v.Elements() {
			list = append(list, generic(element))
		}
		return list
	case flagdef.Object:
		object := map[string]any{}
		for name, member := range v.Members() {
			object[name] = generic(member)
		}
		return object
	default:
		return nil
	}
}

// FuzzParse holds that no document makes Parse panic, and that what it returns
// is whole: every flag has a key, and every problem says where it is.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"flags":[]}`,
		`{"flags":[{"key":"a","active":true,"filters":{"groups":[{"properties":[{"key":"p","type":"person","value":[1]}],"rollout_percentage":5}]}}]}`,
		`{"flags":[{"key":"a","active":true,"filters":{"multivariate":{"variants":[{"key":"x","rollout_percentage":1e2}]},"holdout":{"id":1,"exclusion_percentage":2}}}],"cohorts":{"1":{"type":"OR","values":[{"type":"AND","values":[]}]}}}`,
		`{"cohorts":{"1":[]},"groupTypeMapping":{"0":5},"flags":[{"key":null},{},[],null]}`,
	} {
		f.Add([]byte(seed))
	}
	for i, document := range conformanceDocuments(f) {
		if i%8 == 0 && len(document) < 4096 {
			f.Add(document)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		defs, err := flagdef.Parse(data)
		switch syntax := err != nil && strings.Contains(err.Error(), "not JSON"); {
		case !syntax && !json.Valid(data):
			t.Fatalf("invalid JSON is taken: %v", err)
		case syntax && json.Valid(data) && !strings.Contains(err.Error(), "nested deeper"):
			t.Fatalf("valid JSON is refused: %v", err)
		case err != nil:
			return
		}
		for _, flag := range defs.Flags {
			if flag.Key == "" {
				t.Error("a flag without a key")
			}
			if p := flag.Problem; p != nil && (p.Path == "" || p.What == "" || p.Flag != flag.Key) {
				t.Errorf("a problem that does not say what or where: %+v", p)
			}
		}
		for _, p := range defs.Problems {
			if p.Path == "" || p.What == "" {
				t.Errorf("a problem that does not say what or where: %+v", p)
			}
		}
	})
}
