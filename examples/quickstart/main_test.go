package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// asProgram makes the test binary the program itself.
const asProgram = "HOGFLAGS_QUICKSTART"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const definitions = `{"flags": [{"key": "pro-export", "active": true, "filters": {"groups": [
	{"properties": [{"key": "plan", "type": "person", "operator": "exact", "value": ["pro"]}]}]}}]}`

const want = `false flag "pro-export" cannot be decided locally: missing person property plan
false <nil>
true <nil>
`

func TestProgram(t *testing.T) {
	posthog := posthogtest.New(t)
	posthog.SetDefinitions([]byte(definitions))

	program := exec.CommandContext(t.Context(), os.Args[0])
	program.Env = append(os.Environ(), asProgram+"=1",
		"POSTHOG_HOST="+posthog.URL,
		"POSTHOG_PROJECT_API_KEY="+posthogtest.ProjectToken,
		"POSTHOG_SECRET_KEY="+posthogtest.SecretKey)
	program.Stderr = os.Stderr
	got, err := program.Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("output (-got +want):\n%s", diff)
	}
}

// TestReadme holds the README to the program, and to what it prints.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(source), "\n") // without the package comment
	for _, text := range []string{"```go\n" + program + "```\n", want} {
		if !strings.Contains(string(readme), text) {
			t.Errorf("README.md does not contain:\n%s", text)
		}
	}
}
