package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

func TestDependents(t *testing.T) {
	depends := func(key string, on ...string) string {
		var filters []string
		for _, target := range on {
			filters = append(filters, fmt.Sprintf(`{"key":%q,"type":"flag","operator":"flag_evaluates_to","value":true}`, target))
		}
		return fmt.Sprintf(`{"key":%q,"active":true,"filters":{"groups":[{"properties":[%s]}]}}`, key, strings.Join(filters, ","))
	}
	defs, err := flagdef.Parse([]byte(`{"flags":[` + strings.Join([]string{
		depends("top", "middle", "other"), depends("middle", "base"), depends("base"), depends("other"),
		depends("orphan", "gone"), depends("a", "b"), depends("b", "a"), depends("self", "self"),
		`{"key":"person","active":true,"filters":{"groups":[{"properties":[{"key":"base","type":"person","operator":"is_set"}]}]}}`,
	}, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	set := rules.Compile(defs, rules.Options{})
	for _, tt := range []struct{ of, want string }{
		{"base", "top middle"}, {"other", "top"}, {"top", ""}, {"gone", "orphan"}, {"a", "a b"}, {"self", "self"}, {"base a gone", "top middle orphan a b"}, {"", ""},
	} {
		if got := strings.Join(set.Dependents(strings.Fields(tt.of)), " "); got != tt.want {
			t.Errorf("of %q: %q, want %q", tt.of, got, tt.want)
		}
	}
}
