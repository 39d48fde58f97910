package rediscache

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hogflags/hogflags/flagcache"
)

var memberScope = flagcache.Scope{Project: "phc_member", Host: "https://us.i.posthog.com"}

func memberEntry(body string) *flagcache.Entry {
	e := flagcache.NewEntry(memberScope, []byte(body), `W/"abc"`)
	e.Position = flagcache.Position{Epoch: 1_800_000_000_000_000, Seq: 1}
	e.FetchedAt = time.Date(2026, 11, 1, 12, 0, 0, 123456000, time.UTC)
	e.CheckedAt = e.FetchedAt.Add(time.Hour)
	return e
}

// bodies are documents that upstream, a proxy or a joker may send.
var bodies = []string{
	`{}`,
	"{ }\n",
	"\n\t{\r\n}  \r\n\t",
	`{"flags":[]}`,
	`{"flags":[],"group_type_mapping":{"0":"org"},"cohorts":{"1":{}}}`,
	`{"flags":[],"groupTypeMapping":{"0":"org"},"cohorts":{}}` + "\n",
	`{"flags":[],"group_type_mapping":{"0":"a"},"groupTypeMapping":{"0":"b"}}`,
	`{"flags":[],"group_type_mapping":{"0":"a"},"group_type_mapping":{"0":"b"}}`,
	`{"flags":[],"minimal_flag_called_events":true}`,
	`{"flags":[],"minimalFlagCalledEvents":false,"cohorts":null,"group_type_mapping":null}`,
	`{"flags":[{"key":"}\"_hogflags\":{\"at\":1}}"}],"a\\":"}"}`,
	`{"flags":[],"_hogflags":{"at":0,"size":12},"x":{"_hogflags":{"at":1}}}`,
	`{"flags":[],"_hogflags":{}}`,
	`{"flags":[],"u":"\u2028\ud83d\ude00 ÿ` + "\xff" + `","n":1e400,"m":-0.0}`,
}

func TestSpliceAndStrip(t *testing.T) {
	for _, body := range bodies {
		e := memberEntry(body)
		value, err := splice(e)
		if err != nil {
			t.Errorf("%q: %v", body, err)
			continue
		}
		if !json.Valid(value) {
			t.Errorf("%q: no JSON: %s", body, value)
		}
		got, err := strip(value)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%q: got back %+v, error %v", body, got, err)
		}
		// Once more on top of itself, as if upstream were a store.
		again := memberEntry(string(value))
		twice, err := splice(again)
		if err != nil {
			t.Errorf("%q twice: %v", body, err)
		} else if got, err := strip(twice); err != nil || !bytes.Equal(got.Body, value) {
			t.Errorf("%q twice: got back %q, error %v", body, got.Body, err)
		}
	}
}

func TestSpliceRefuses(t *testing.T) {
	for _, body := range []string{"", " ", "null", "[]", `"}"`, "1", `{"flags":[]`, `{"flags":[]}}`, `[{}]`, "\x00", "{}" + strings.Repeat(" ", maxTail)} {
		if value, err := splice(memberEntry(body)); !errors.Is(err, errBody) {
			t.Errorf("%.20q was spliced: %.60q, %v", body, value, err)
		}
	}
}

// A value that is not exactly what splice made is another SDK's.
func TestStripRefuses(t *testing.T) {
	value, err := splice(memberEntry(`{"flags":[{"key":"a"}],"cohorts":{},"group_type_mapping":{"1":"b","0":"a"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for i := range value { // whatever byte is changed: refused, or the body is whole
		changed := bytes.Clone(value)
		changed[i] ^= 1
		if got, err := strip(changed); err == nil && got.Revision != flagcache.RevisionOf(got.Body) {
			t.Errorf("byte %d changed: taken, with another body", i)
		}
	}
	var doc map[string]any
	if err := json.Unmarshal(value, &doc); err != nil {
		t.Fatal(err)
	}
	copied, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var compact, indented bytes.Buffer
	if err := errors.Join(json.Compact(&compact, value), json.Indent(&indented, value, "", " ")); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string][]byte{
		"sorted by another writer":  copied,
		"compacted":                 compact.Bytes(),
		"indented":                  indented.Bytes(),
		"with a newline behind it":  append(bytes.Clone(value), '\n'),
		"cut":                       value[:len(value)-1],
		"the body alone":            []byte(`{"flags":[]}`),
		"empty":                     nil,
		"a member of another shape": []byte(`{"flags":[],"_hogflags":{"at":"x"}}`),
		"a member that lies":        []byte(`{"_hogflags":{"at":-1,"size":30}}`),
	} {
		if got, err := strip(v); !errors.Is(err, errForeign) {
			t.Errorf("%s: %+v, %v; want it foreign", name, got, err)
		}
	}
}

// A confirmation overwrites the head in place, and everything else stays.
func TestTouch(t *testing.T) {
	e := memberEntry(`{"flags":[]}` + "\n")
	value, err := splice(e)
	if err != nil {
		t.Fatal(err)
	}
	next := e.Head
	next.Seq, next.ETag, next.CheckedAt = 123456789, `W/"other é"`, e.CheckedAt.Add(time.Hour)
	from := bytes.LastIndex(value, []byte(`"epoch":`))
	text := headText(next)
	end := bytes.LastIndexByte(value, '}')
	if len(text) > end-from {
		t.Fatalf("a longer head of %d bytes has no room in %d", len(text), end-from)
	}
	copy(value[from:], text+strings.Repeat(" ", end-from-len(text)))
	got, err := strip(value)
	if err != nil || got.Head != next || string(got.Body) != string(e.Body) {
		t.Errorf("got %+v, %v; want %+v", got, err, next)
	}
	next.ETag = strings.Repeat("x", maxETag+1)
	if strings.Contains(headText(next), "xx") {
		t.Error("an ETag without bounds was kept")
	}
}

// jsonObject draws the text of an object, as odd as JSON allows.
func jsonObject(depth int) *rapid.Generator[string] {
	blank := rapid.SampledFrom([]string{"", "", " ", "\n", "\t\r\n "})
	text := rapid.Custom(func(t *rapid.T) string {
		quoted, _ := json.Marshal(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"flags", "group_type_mapping", "groupTypeMapping", "cohorts", "_hogflags", "minimal_flag_called_events",
			`"_hogflags":{`, "}", `\`, `"`, `"epoch":`,
		})).Draw(t, "text"))
		return string(quoted)
	})
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		b.WriteString("{" + blank.Draw(t, "blank"))
		for i := range rapid.IntRange(0, 4).Draw(t, "members") {
			if i > 0 {
				b.WriteString("," + blank.Draw(t, "blank"))
			}
			b.WriteString(text.Draw(t, "name") + blank.Draw(t, "blank") + ":")
			switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
			case kind == 0 && depth > 0:
				b.WriteString(jsonObject(depth-1).Draw(t, "object"))
			case kind == 1 && depth > 0:
				b.WriteString("[" + jsonObject(depth-1).Draw(t, "item") + "]")
			case kind == 2:
				b.WriteString(text.Draw(t, "value"))
			default:
				b.WriteString(rapid.SampledFrom([]string{"1", "-0.0", "1e400", "true", "null", `"}"`}).Draw(t, "value"))
			}
			b.WriteString(blank.Draw(t, "blank"))
		}
		return b.String() + "}"
	})
}

func TestStripUndoesSplice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		around := rapid.SampledFrom([]string{"", "\n", " \t", "\r\n\r\n"})
		body := around.Draw(t, "before") + jsonObject(3).Draw(t, "body") + around.Draw(t, "behind")
		e := memberEntry(body)
		e.ETag = rapid.StringN(0, 40, 200).Draw(t, "etag")
		e.ETag = strings.ToValidUTF8(e.ETag, "?")
		value, err := splice(e)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(value) {
			t.Fatalf("no JSON: %q", value)
		}
		got, err := strip(value)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("got back %+v, %v; want %+v", got, err, e)
		}
		wantReadable(t, body, value)
	})
}

func FuzzStrip(f *testing.F) {
	for _, body := range bodies {
		value, err := splice(memberEntry(body))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if e, err := strip(value); err == nil {
			if e.Revision != flagcache.RevisionOf(e.Body) || len(e.Body) >= len(value) {
				t.Errorf("%q: a body that is not what the member says: %q", value, e.Body)
			}
		} else if !errors.Is(err, errForeign) {
			t.Errorf("%q: %v", value, err)
		}
		// As a body, too: it comes back whole, or is refused.
		e := memberEntry(string(value))
		spliced, err := splice(e)
		if err != nil {
			return
		}
		if got, err := strip(spliced); err != nil || !bytes.Equal(got.Body, value) {
			t.Errorf("%q: came back as %q, %v", value, got.Body, err)
		}
	})
}
