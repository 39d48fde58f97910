package posthogtransport

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Nothing but the one member changes, not even how a number is written.
func TestDeferFlags(t *testing.T) {
	const in = `{"flags":[{"key":"a","active":false,"filters":{"x":[1.0,1e3,"\u00e4"]}},{"key":"b","ensure_experience_continuity":null},null],
		"group_type_mapping":{"0":"company"},"unknown":1.50}`
	const want = `{"flags":[{"key":"a","active":false,"ensure_experience_continuity":true,"filters":{"x":[1.0,1e3,"\u00e4"]}},
		{"key":"b","ensure_experience_continuity":true},null],"group_type_mapping":{"0":"company"},"unknown":1.50}`
	var gotMembers, wantMembers map[string]json.RawMessage
	if err := json.Unmarshal(deferFlags([]byte(in)), &gotMembers); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wantMembers); err != nil {
		t.Fatal(err)
	}
	for name, raw := range wantMembers {
		var got, want any
		if name == "flags" { // in another order
			_ = json.Unmarshal(gotMembers[name], &got)
			_ = json.Unmarshal(raw, &want)
		} else {
			got, want = string(gotMembers[name]), string(raw)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}
