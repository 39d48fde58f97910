package flagdef_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hogflags/hogflags/flagdef"
)

func TestRevisionAsText(t *testing.T) {
	for _, want := range []flagdef.Revision{{}, flagdef.RevisionOf([]byte("x"))} {
		text, err := json.Marshal(want)
		var got flagdef.Revision
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if err != nil || got != want || string(text) != `"`+want.String()+`"` {
			t.Errorf("%s: read %v, %v, want %v", text, got, err, want)
		}
	}
	for _, bad := range []string{"12", strings.Repeat("g", 64), strings.Repeat("1", 66), strings.Repeat("A", 64), strings.Repeat("0", 64)} {
		var got flagdef.Revision
		if err := got.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
