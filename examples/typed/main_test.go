package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/internal/codegen"
)

func Example() {
	main()
	// Output:
	// export: true
	// the usual page
	// Pay as you go, 0 months free
}

// TestGenerated holds the code to the definitions.
func TestGenerated(t *testing.T) {
	defs, err := flagdef.Parse(definitions)
	if err != nil {
		t.Fatal(err)
	}
	want, err := codegen.Generate(defs, "flags")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("flags/flags.go")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("run go generate ./examples/typed (-got +want):\n%s", diff)
	}
}
