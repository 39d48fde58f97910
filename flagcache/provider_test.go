package flagcache_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/flagcache"
)

func TestFlagDefinitionsAsJSON(t *testing.T) {
	const doc = `{"flags":[{"key":"a","later":1.50}],"group_type_mapping":{"0":"company"},"cohorts":{"7":{"type":"AND"}},"minimal_flag_called_events":true,"property_matching_version":2,"later":[1e2]}`
	var d flagcache.FlagDefinitions
	if err := json.Unmarshal([]byte(doc), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Flags) != 1 || d.GroupTypeMapping["0"] != "company" || len(d.Cohorts) != 1 || !d.MinimalFlagCalledEvents || d.PropertyMatchingVersion != 2 {
		t.Errorf("read %+v", d)
	}
	got, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(doc, string(got)); diff != "" {
		t.Errorf("through JSON and back (-want +got):\n%s", diff)
	}
	d.Raw = nil // made by hand
	body, err := d.Document()
	if err != nil {
		t.Fatal(err)
	}
	again, err := flagcache.ParseFlagDefinitions(body)
	if err != nil {
		t.Fatal(err)
	}
	again.Raw = nil
	if diff := cmp.Diff(&d, again); diff != "" {
		t.Errorf("from the fields and back (-want +got):\n%s", diff)
	}
}

// Any version of matching but 2 is the first, and no reason to refuse a document.
func TestMatchingVersions(t *testing.T) {
	for doc, want := range map[string]int{
		`{"flags":[],"propertyMatchingVersion":2}`: 2, `{"flags":[],"property_matching_version":1}`: 0, `{"flags":[]}`: 0,
		`{"flags":[],"property_matching_version":"2"}`: 0, `{"flags":[],"property_matching_version":null}`: 0,
	} {
		if d, err := flagcache.ParseFlagDefinitions([]byte(doc)); err != nil || d.PropertyMatchingVersion != want {
			t.Errorf("%s: %+v, %v, want %d", doc, d, err, want)
		}
	}
}

func TestFlagDefinitionsRefuseWhatIsNone(t *testing.T) {
	for _, doc := range []string{``, `null`, `[]`, `{}`, `{"flags":null}`, `{"flags":{}}`, `{"flags":[]`} {
		if d, err := flagcache.ParseFlagDefinitions([]byte(doc)); err == nil {
			t.Errorf("%q was read as %+v", doc, d)
		}
	}
	if _, err := flagcache.ParseFlagDefinitions([]byte(`{"flags":[]}`)); err != nil {
		t.Errorf("a project without flags: %v", err)
	}
}

func TestScope(t *testing.T) {
	a := flagcache.Scope{Project: "phc_x", Host: "https://us.i.posthog.com"}
	b := flagcache.Scope{Project: " phc_x", Host: "HTTPS://us.i.posthog.com//"}
	if a.Key() != b.Key() || a.Canonical() != b.Canonical() {
		t.Errorf("two spellings of one scope differ: %v %v", a.Canonical(), b.Canonical())
	}
	if c := (flagcache.Scope{Project: "phc_X", Host: a.Host}); c.Key() == a.Key() {
		t.Error("tokens are told apart by case, keys are not")
	}
}

func TestVerify(t *testing.T) {
	sc := flagcache.Scope{Project: "phc_x", Host: "https://h"}
	good := flagcache.NewEntry(sc, []byte(`{}`), "")
	good.Position = flagcache.Position{Epoch: 1, Seq: 1}
	if err := good.Verify(sc); err != nil {
		t.Errorf("a good entry: %v", err)
	}
	for name, spoil := range map[string]func(*flagcache.Entry){
		"schema":  func(e *flagcache.Entry) { e.Schema++ },
		"project": func(e *flagcache.Entry) { e.Project = "phc_y" },
		"host":    func(e *flagcache.Entry) { e.Host = "https://i" },
		"body":    func(e *flagcache.Entry) { e.Body = []byte(`{ }`) },
		"epoch":   func(e *flagcache.Entry) { e.Epoch = flagcache.MaxEpoch + 1 },
		"seq":     func(e *flagcache.Entry) { e.Seq = 0 },
	} {
		e := *good
		spoil(&e)
		if e.Verify(sc) == nil {
			t.Errorf("an entry with another %s verifies", name)
		}
	}
}
