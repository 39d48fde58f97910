package posthogtest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const twoFlags = `{
 "flags": [
  {"id":1,"key":"a","active":true,"filters":{"groups":[{"rollout_percentage":100,"properties":[{"key":"n","value":1.0}]},{"rollout_percentage":null}]}},
  {"id":2,"key":"b","active":true,"filters":{"groups":[]},"future":[1e3]}
 ],
 "group_type_mapping": {"0":"company"}, "cohorts": {}, "unknown_member": 1.50
}`

func TestEdits(t *testing.T) {
	tests := []struct {
		name string
		edit func(*posthogtest.Server) error
		want string // flags
	}{
		{"switch off", func(s *posthogtest.Server) error { return s.SetActive("b", false) },
			`[{"id":1,"key":"a","active":true,"filters":{"groups":[{"rollout_percentage":100,"properties":[{"key":"n","value":1.0}]},{"rollout_percentage":null}]}},{"active":false,"filters":{"groups":[]},"future":[1e3],"id":2,"key":"b"}]`},
		{"rollout", func(s *posthogtest.Server) error { return s.SetRollout("a", 12.5) },
			`[{"active":true,"filters":{"groups":[{"properties":[{"key":"n","value":1.0}],"rollout_percentage":12.5},{"rollout_percentage":12.5}]},"id":1,"key":"a"},{"id":2,"key":"b","active":true,"filters":{"groups":[]},"future":[1e3]}]`},
		{"remove", func(s *posthogtest.Server) error { return s.RemoveFlag("a") },
			`[{"id":2,"key":"b","active":true,"filters":{"groups":[]},"future":[1e3]}]`},
		{"add", func(s *posthogtest.Server) error {
			if err := s.RemoveFlag("a"); err != nil {
				return err
			}
			return s.AddFlag([]byte(`{"key":"c"}`))
		},
			`[{"id":2,"key":"b","active":true,"filters":{"groups":[]},"future":[1e3]},{"key":"c"}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := posthogtest.New(t)
			srv.SetDefinitions([]byte(twoFlags))
			_, before := ask(t, srv, "GET", definitions, "", "Authorization", bearer)
			if err := tt.edit(srv); err != nil {
				t.Fatal(err)
			}
			got, after := ask(t, srv, "GET", definitions, "", "Authorization", bearer)
			if before.Get("ETag") == after.Get("ETag") {
				t.Error("the ETag did not change with the document")
			}
			var doc map[string]json.RawMessage
			if err := json.Unmarshal([]byte(got.Body), &doc); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(doc["flags"]), tt.want); diff != "" {
				t.Errorf("flags (-got +want):\n%s", diff)
			}
			if string(doc["unknown_member"]) != "1.50" || string(doc["group_type_mapping"]) != `{"0":"company"}` {
				t.Errorf("the rest of the document changed: %s", got.Body)
			}
		})
	}
}

func TestEditErrors(t *testing.T) {
	srv := posthogtest.New(t)
	if err := srv.SetActive("missing", true); err == nil || !strings.Contains(err.Error(), `"missing"`) {
		t.Errorf("SetActive of a flag that is not there: %v", err)
	}
	if err := srv.AddFlag([]byte(`{`)); err == nil {
		t.Error("AddFlag of broken JSON: no error")
	}
	srv.SetDefinitions([]byte(`garbage`))
	if err := srv.SetActive("a", true); err == nil {
		t.Error("an edit of garbage: no error")
	}
	if got := string(srv.Definitions()); got != "garbage" {
		t.Errorf("a failed edit left %q", got)
	}
}
